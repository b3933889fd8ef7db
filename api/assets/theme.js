// Light or dark: as the system says, or as chosen here. Loaded before the first paint, so no module.

(() => {
  const KEY = 'vedette.theme';
  const WORDS = { auto: 'as the system', light: 'light', dark: 'dark' };
  const NEXT = { auto: 'light', light: 'dark', dark: 'auto' };

  function kept() {
    try {
      const theme = localStorage.getItem(KEY);
      return theme in WORDS ? theme : 'auto';
    } catch {
      return 'auto';
    }
  }

  function wear(theme) {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById('theme');
    if (!button) return;
    button.setAttribute('aria-label', `Colours: ${WORDS[theme]}. Change to ${WORDS[NEXT[theme]]}`);
    button.title = `Colours: ${WORDS[theme]}`;
  }

  wear(kept());
  document.addEventListener('DOMContentLoaded', () => {
    wear(kept());
    document.getElementById('theme').addEventListener('click', () => {
      const theme = NEXT[document.documentElement.dataset.theme] ?? 'auto';
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // Kept for this page only.
      }
      wear(theme);
    });
  });
})();
