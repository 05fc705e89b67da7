/** The table of routes below `/api/v1`: the API, in one place. The order is the documentation's. */
import { AGFS_ROUTES } from './agfs/index.ts';
import type { Route } from './http/route.ts';
import { openApi } from './openapi/index.ts';
import { webSocket } from './websocket/index.ts';

export const ROUTES: readonly Route[] = [...AGFS_ROUTES, webSocket, openApi];
