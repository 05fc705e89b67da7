/** Writes the pages into a folder, which is emptied first. */
export function writeApi(folder: string): Promise<void>;
