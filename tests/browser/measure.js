// Everything that is measured in a page, in one go; the value of this expression is what browser.py calls `Seen`.
(() => {
  // Contrast by WCAG 2.2, 1.4.3. Backgrounds that are not opaque lie over those of the ancestors, and those over the browser's canvas.
  const numbers = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const over = (top, below) => {
    const alpha = top[3] ?? 1;
    return [0, 1, 2].map(at => top[at] * alpha + below[at] * (1 - alpha));
  };
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  const canvas = matchMedia('(prefers-color-scheme: dark)').matches && scheme.includes('dark') ? [18, 18, 18] : [255, 255, 255];
  const background = element => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.unshift(numbers(getComputedStyle(one).backgroundColor));
    return layers.reduce((below, top) => over(top, below), canvas);
  };
  const luminance = colour => {
    const [red, green, blue] = colour.map(value => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!words || element.closest('script, style, title')) continue;
    if (!element.checkVisibility({checkVisibilityCSS: true, checkOpacity: true})) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (!box.width) continue;
    const style = getComputedStyle(element), below = background(element);
    const [low, high] = [luminance(over(numbers(style.color), below)), luminance(below)].sort((one, other) => one - other);
    texts.push({
      words, ratio: (high + 0.05) / (low + 0.05), size: parseFloat(style.fontSize), bold: Number(style.fontWeight) >= 600,
      left: box.left, right: box.right,
    });
  }

  const width = document.documentElement.clientWidth;
  const called = element => [element.tagName.toLowerCase(), ...element.classList].join('.');
  const every = selector => [...document.querySelectorAll(selector)];
  const named = element => element.getAttribute('aria-label')
    || document.getElementById(element.getAttribute('aria-labelledby'))?.textContent;
  return {
    title: document.title,
    text: document.body.innerText,
    html: document.documentElement.outerHTML,
    width,
    scroll_width: document.documentElement.scrollWidth,
    texts,
    beyond: every('body *').filter(one => !one.closest('svg *') && one.getBoundingClientRect().right > width + 0.5).map(called),
    background: getComputedStyle(document.body).backgroundColor,
    colour: getComputedStyle(document.body).color,
    scripts: document.scripts.length,
    unnamed: every('section, svg:not([aria-hidden])').filter(one => !named(one)).map(called),
    landmarks: every('header, main, footer').map(one => one.tagName.toLowerCase()),
    headings: every('h1, h2, h3, h4, h5, h6').map(one => [Number(one.tagName[1]), one.textContent]),
  };
})()
