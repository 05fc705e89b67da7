/** The API for plugin authors: docs/plugins.md. */
export { createError } from '../../errors/index.ts';
export { refuseUnknownKeys } from '../config-keys.ts';
export { readValues, sizeValue, textValue } from '../config-values.ts';
export { BaseFileSystem } from './base-file-system.ts';
export { BodyWriter, type BodyWriterOptions } from './body-writer.ts';
export { FixedFileSystem } from './fixed-file-system.ts';
