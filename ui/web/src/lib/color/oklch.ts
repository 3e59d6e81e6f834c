/**
 * Colours by lightness, chroma and hue, as sRGB.
 *
 * Equal steps look equal, which holds for no other simple wheel of hues.
 */

type Rgb = [number, number, number];

function toLinear(lightness: number, chroma: number, hueDegrees: number): Rgb {
  const hue = (hueDegrees * Math.PI) / 180;
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

function inGamut(rgb: Rgb): boolean {
  return rgb.every((channel) => channel >= -1e-4 && channel <= 1 + 1e-4);
}

function toByte(linear: number): number {
  const clipped = Math.min(1, Math.max(0, linear));
  const gamma = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
  return Math.round(gamma * 255);
}

/** "#rrggbb". Chroma that sRGB cannot show at this lightness and hue is taken back until it can. */
export function oklch(lightness: number, chroma: number, hueDegrees: number): string {
  let shown = chroma;
  let rgb = toLinear(lightness, shown, hueDegrees);
  while (!inGamut(rgb) && shown > 0.01) {
    shown -= 0.005;
    rgb = toLinear(lightness, shown, hueDegrees);
  }
  return `#${rgb.map((channel) => toByte(channel).toString(16).padStart(2, '0')).join('')}`;
}
