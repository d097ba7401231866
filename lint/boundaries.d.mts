export const FOLDERS: Readonly<Record<string, readonly string[]>>
export const PACKAGES: Readonly<Record<string, readonly string[]>>
export function violation(file: string, specifier: string): string | undefined
