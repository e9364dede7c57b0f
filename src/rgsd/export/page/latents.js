// The unit sphere of skills: vectors are plain arrays of d numbers.

export const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
export const add = (a, b, scale = 1) => a.map((x, i) => x + scale * b[i]);
export const norm = (a) => Math.sqrt(dot(a, a));
export const unit = (a) => { const length = norm(a); return a.map((x) => x / length); };

/** A uniform direction in d dimensions. */
export function random(d) {
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return unit(Array.from({ length: d }, gaussian));
}

/** From a towards b along the great circle, by at most `angle` rad. */
export function towards(a, b, angle) {
  const between = Math.acos(Math.max(-1, Math.min(1, dot(a, b))));
  if (between <= angle) return b;
  let side = add(b, a, -dot(a, b));
  if (norm(side) < 1e-6) side = add(random(a.length), a, 0); // opposite points: any way round will do
  side = unit(add(side, a, -dot(a, side)));
  return unit(add(a.map((x) => x * Math.cos(angle)), side, Math.sin(angle)));
}

/** What three axes (3, d) show of z: three numbers, of length 1 at most. */
export const shown = (axes, z) => axes.map((axis) => dot(axis, z));

/** z with what the axes show of it turned to the direction `to` (3 numbers), the other components kept. */
export function turned(axes, z, to) {
  const before = shown(axes, z);
  const rest = axes.reduce((left, axis, i) => add(left, axis, -before[i]), z);
  const length = Math.sqrt(Math.max(0, 1 - dot(rest, rest)));
  const there = axes.reduce((sum, axis, i) => add(sum, axis, length * to[i]), rest);
  return norm(there) > 1e-6 ? unit(there) : z;
}
