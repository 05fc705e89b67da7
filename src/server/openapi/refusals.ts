/** The errors of each route: those of every request, those that follow from its description, and its own. */
import { ERRORS, type ErrorCode } from '../../errors/index.ts';
import type { Route, RouteParameter } from '../http/route.ts';

const ANY: readonly ErrorCode[] = [
  ...(['BAD_REQUEST', 'BODY_NOT_USED', 'BODY_BROKE_OFF', 'INVALID_PARAMETER'] as const),
  ...(['HOST_REFUSED', 'ORIGIN_REFUSED', 'NAVIGATION_REFUSED'] as const),
  ...(['BODY_TIMEOUT', 'REQUEST_TIMEOUT', 'CONTENT_CODING', 'EXPECTATION_FAILED', 'TRANSFER_CODING'] as const),
  ...(['WAITING_LIMIT', 'ADDRESS_LIMIT', 'TOKEN_LIMIT', 'HEADERS_TOO_LARGE', 'TOO_MANY_HEADERS'] as const),
  ...(['SHUTTING_DOWN', 'CONNECTION_LIMIT', 'MEMORY_LIMIT', 'INTERNAL'] as const),
];

const PATH: readonly ErrorCode[] = [
  ...(['INVALID_PATH', 'PATH_TOO_LONG', 'PATH_TOO_DEEP'] as const),
  ...(['NOTHING_MOUNTED', 'FILE_NOT_FOUND', 'STREAM_NOT_FOUND', 'STREAM_GONE', 'NOT_A_DIRECTORY'] as const),
  ...(['IS_A_DIRECTORY', 'PERMISSION_DENIED', 'NAME_RESERVED', 'NOT_SUPPORTED'] as const),
  ...(['MOUNT_NOT_READY', 'MOUNT_FAILED', 'MOUNT_BUSY'] as const),
  ...(['DISK_FULL', 'DISK_FAILED', 'DISK_UNAVAILABLE', 'DISK_BEHIND'] as const),
  ...(['LOG_UNAVAILABLE', 'LOG_FULL', 'LOG_NOT_SUPPORTED'] as const),
];

const HANDLE: readonly ErrorCode[] = ['INVALID_HANDLE_ID', 'HANDLE_NOT_FOUND'];

const JSON_BODY: readonly ErrorCode[] = ['INVALID_BODY', 'BODY_TOO_LARGE', 'PARAMETER_REQUIRED'];

/** A required query parameter, other than the path, which has a separate error. */
function isRequiredInQuery({ in: place, name, required }: RouteParameter): boolean {
  return required && place === 'query' && name !== 'path';
}

/** The codes by status, in ascending order. */
export function refusalsOf(route: Route): ReadonlyMap<number, readonly ErrorCode[]> {
  const { errors = [], link, parameters, permission } = route;
  const has = (place: string, name?: string) =>
    parameters.some((one) => one.in === place && (name === undefined || one.name === name));
  const isOfHandle = permission.endsWith('handle');
  const codes = new Set<ErrorCode>([
    ...ANY,
    ...(permission === 'nothing' ? [] : (['UNAUTHORIZED', 'FORBIDDEN'] as const)),
    ...(link === undefined ? [] : (['LINK_INVALID', 'LINK_EXPIRED'] as const)),
    ...(has('query', 'path') ? (['PATH_REQUIRED'] as const) : []),
    ...(parameters.some(isRequiredInQuery) ? (['PARAMETER_REQUIRED'] as const) : []),
    ...(has('query', 'path') || has('body', 'path') || isOfHandle || route.pathOf !== undefined ? PATH : []),
    ...(isOfHandle ? HANDLE : []),
    ...(has('body') ? JSON_BODY : []),
    ...errors,
  ]);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return new Map([...byStatus].sort(([one], [other]) => one - other));
}
