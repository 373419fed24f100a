// Before the first paint: the theme that was chosen here, so that the page does not flash in the other one.
try {
  const chosen = localStorage.getItem('drayage.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is switched off: the system's theme it is.
}
