export { HostCheck } from './host.ts';
export { LEAST_LINK_KEY, LINK_RIGHTS, type LinkOptions, type LinkRight, type Links } from './links.ts';
export { isNavigation, refuseNavigation } from './navigation.ts';
export { Origins } from './origins.ts';
export { PathPattern } from './pattern.ts';
export { handleIdOf, type Needs, requireFor } from './permissions.ts';
export { Caller, RIGHTS, type Right } from './principal.ts';
export { type TokenOptions, Tokens } from './tokens.ts';
