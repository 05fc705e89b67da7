/** Dark or light: as the system says, until it is chosen here. */
import { effect, signal } from '@preact/signals';

export type Theme = 'auto' | 'dark' | 'light';

const KEY = 'streamfs.theme';
const ORDER: readonly Theme[] = ['auto', 'dark', 'light'];

export const theme = signal<Theme>(known(localStorage.getItem(KEY)));

effect(() => {
  const { value } = theme;
  if (value === 'auto') {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset.theme = value;
    localStorage.setItem(KEY, value);
  }
});

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]!;
}

function known(text: string | null): Theme {
  return text === 'dark' || text === 'light' ? text : 'auto';
}
