/** Where in a picture the pointer is. */

/** In fractions of a picture that is fitted into a place; null beside it. */
export function within(
  place: Pick<DOMRect, 'left' | 'top' | 'width' | 'height'>,
  size: { width: number; height: number },
  at: { clientX: number; clientY: number },
): [number, number] | null {
  const scale = Math.min(place.width / size.width, place.height / size.height);
  const [width, height] = [size.width * scale, size.height * scale];
  const x = (at.clientX - place.left - (place.width - width) / 2) / width;
  const y = (at.clientY - place.top - (place.height - height) / 2) / height;
  return x >= 0 && x < 1 && y >= 0 && y < 1 ? [x, y] : null;
}
