/** The table of routes below `/api/v1`, which is the whole API, in the order of the documentation. */
import { AGFS_ROUTES } from './agfs/index.ts';
import type { Route } from './http/route.ts';
import { openApi } from './openapi/index.ts';
import { webSocket } from './websocket/index.ts';

export const ROUTES: readonly Route[] = [...AGFS_ROUTES, webSocket, openApi];
