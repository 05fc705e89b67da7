/** The build emits styles next to the scripts. */
declare module '*.css';
