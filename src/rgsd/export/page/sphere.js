// The sphere of skills as a globe: clips as places on it, the present skill and what the encoder sees as points.
// Three axes of the latent space are shown; dragging turns the globe, a click names a direction on its near side.

import { shown } from './latents.js';

const MARGIN = 0.05; // of the canvas, around the globe
const CLICK = 5, NEAR = 9; // pixels: a press that moves less is a click, and one so near to a clip is meant for it

export class Sphere {
  /** `axes` (3, d), `clips` {name: z}; `choose` is called with the direction clicked (3) and, if a clip is there, its name. */
  constructor(canvas, axes, clips, choose) {
    Object.assign(this, { canvas, axes });
    this.places = Object.entries(clips).map(([name, z]) => [name, shown(axes, z)]);
    this.yaw = 0.6;
    this.pitch = 0.35;
    this.ratio = Math.min(devicePixelRatio, 2);
    canvas.width = canvas.clientWidth * this.ratio;
    canvas.height = canvas.clientHeight * this.ratio;
    let press = null;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      press = { x: event.offsetX, y: event.offsetY, yaw: this.yaw, pitch: this.pitch, moved: false };
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!press) return;
      const [dx, dy] = [event.offsetX - press.x, event.offsetY - press.y];
      press.moved ||= Math.hypot(dx, dy) > CLICK;
      if (!press.moved) return;
      this.yaw = press.yaw + dx / 100;
      this.pitch = Math.max(-1.5, Math.min(1.5, press.pitch + dy / 100));
    });
    canvas.addEventListener('pointerup', (event) => {
      const to = press && !press.moved && this.direction(event.offsetX, event.offsetY);
      press = null;
      if (to) choose(to, this.clipAt(event.offsetX, event.offsetY));
    });
  }

  get radius() { return (0.5 - MARGIN) * Math.min(this.canvas.clientWidth, this.canvas.clientHeight); }

  /** The page's (right, up, near) of a direction (3). */
  seen([x, y, z]) {
    const [c, s, C, S] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const right = c * x + s * y, away = c * y - s * x;
    return [right, C * z + S * away, S * z - C * away];
  }

  /** The inverse of it: the direction on the near side under a point of the canvas, or null beside the globe. */
  direction(px, py) {
    const right = (px - this.canvas.clientWidth / 2) / this.radius;
    const up = (this.canvas.clientHeight / 2 - py) / this.radius;
    if (Math.hypot(right, up) > 1) return null;
    const near = Math.sqrt(1 - right * right - up * up);
    const [c, s, C, S] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const away = S * up - C * near;
    return [c * right - s * away, s * right + c * away, C * up + S * near];
  }

  /** Where on the canvas a direction (3) is drawn: x, y, and whether it is on the near side. */
  at(direction) {
    const [right, up, near] = this.seen(direction);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return [width / 2 + this.radius * right, height / 2 - this.radius * up, near >= 0];
  }

  /** Name of the clip on the near side under a point of the canvas, or null. */
  clipAt(px, py) {
    const found = this.places.find(([, place]) => {
      const [x, y, near] = this.at(place);
      return near && Math.hypot(x - px, y - py) < NEAR;
    });
    return found ? found[0] : null;
  }

  /** One picture: the skill now, the one on its way to, the one that the encoder sees or null, the chosen clip or null. */
  draw(z, target, mu, chosen) {
    const pen = this.canvas.getContext('2d');
    const { clientWidth: width, clientHeight: height } = this.canvas;
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const glow = pen.createRadialGradient(
      width / 2 - 0.4 * this.radius, height / 2 - 0.5 * this.radius, 0, width / 2, height / 2, 1.1 * this.radius,
    );
    glow.addColorStop(0, '#ffffff');
    glow.addColorStop(1, '#d9e1ea');
    pen.fillStyle = glow;
    pen.beginPath();
    pen.arc(width / 2, height / 2, this.radius, 0, 2 * Math.PI);
    pen.fill();
    this.drawGrid(pen);
    this.drawClips(pen, chosen);
    if (mu) this.dot(pen, ...this.at(shown(this.axes, mu)).slice(0, 2), 6, '#e0752d');
    const [x, y] = this.at(shown(this.axes, z)), [tx, ty] = this.at(shown(this.axes, target));
    pen.strokeStyle = '#2563a8';
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.arc(tx, ty, 10, 0, 2 * Math.PI);
    pen.stroke();
    this.dot(pen, x, y, 6.5, '#2563a8');
  }

  /** Dots of all clips, and names as far as there is room: the chosen one's first, then those on the near side. */
  drawClips(pen, chosen) {
    const rank = ([name, , , near]) => (name === chosen ? 0 : near ? 1 : 2);
    const drawn = this.places.map(([name, place]) => [name, ...this.at(place)]).sort((a, b) => rank(a) - rank(b));
    const taken = [];
    pen.font = '11px system-ui, sans-serif';
    pen.textAlign = 'left';
    for (const [name, x, y, near] of drawn) {
      const mine = name === chosen, length = pen.measureText(name).width;
      this.dot(pen, x, y, mine ? 5 : 4, mine ? '#2563a8' : near ? '#3d4a5a' : '#aab4c0');
      const left = x > this.canvas.clientWidth / 2 ? x - 8 - length : x + 8;
      if (taken.some(([l, r, base]) => left < r && l < left + length && Math.abs(base - y) < 12)) continue;
      taken.push([left, left + length, y]);
      pen.fillStyle = near || mine ? '#1f2733' : '#9aa5b2';
      pen.fillText(name, left, y - 5);
    }
  }

  dot(pen, x, y, radius, color) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fillStyle = color;
    pen.fill();
    pen.strokeStyle = '#ffffff';
    pen.lineWidth = 1.2;
    pen.stroke();
  }

  drawGrid(pen) {
    pen.lineWidth = 0.8;
    const circles = [0, 1, 2, 3, 4, 5].map((k) => (t) => [Math.cos((k * Math.PI) / 6) * Math.cos(t),
      Math.sin((k * Math.PI) / 6) * Math.cos(t), Math.sin(t)]);
    for (const h of [-0.87, -0.5, 0, 0.5, 0.87]) {
      circles.push((t) => [Math.sqrt(1 - h * h) * Math.cos(t), Math.sqrt(1 - h * h) * Math.sin(t), h]);
    }
    for (const circle of circles) for (let t = 0; t < 2 * Math.PI; t += 0.1) {
      const [x, y, near] = this.at(circle(t)), [x2, y2] = this.at(circle(t + 0.1));
      pen.strokeStyle = near ? '#b9c4d0' : '#dfe5eb';
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x2, y2);
      pen.stroke();
    }
  }
}
