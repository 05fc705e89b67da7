/** Writes the pages into a folder, which is emptied before. */
export function writeApi(folder: string): Promise<void>;
