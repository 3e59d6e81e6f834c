/** When an element comes near the window. */

/** So far beyond the edge something is made ready, in CSS pixels. */
const AHEAD_PX = 400;

/** Calls back once, when the element is in sight or almost. */
export function whenNear(node: HTMLElement, callback: () => void): { destroy: () => void } {
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      callback();
    },
    { rootMargin: `${AHEAD_PX}px` },
  );
  observer.observe(node);
  return { destroy: () => observer.disconnect() };
}
