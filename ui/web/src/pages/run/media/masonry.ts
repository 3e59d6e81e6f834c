/** Cards of any height in a grid without holes: each takes as many rows of a pixel as it needs. */

/** Room below a card, in CSS pixels. */
const GAP_PX = 14;

export function asTallAsItIs(node: HTMLElement): { destroy: () => void } {
  const content = node.firstElementChild;
  const fit = (): void => {
    const height = content?.getBoundingClientRect().height ?? 0;
    node.style.gridRowEnd = `span ${Math.ceil(height) + GAP_PX}`;
  };
  const observer = new ResizeObserver(fit);
  if (content !== null) observer.observe(content);
  fit();
  return { destroy: () => observer.disconnect() };
}
