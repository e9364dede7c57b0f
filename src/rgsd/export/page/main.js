// The page: the loop in real time, and what the buttons do.

import * as latents from './latents.js';
import { Scene } from './scene.js';
import { Simulation } from './simulation.js';
import { Sphere } from './sphere.js';

const TURN = 3; // rad/s at which the present skill goes to the one asked for
const PUSH = 0.6; // m/s
const BEHIND = 0.1; // s that may be caught up after a slow picture; more is let go
const DOWN = 1.5; // s on the ground before it is stood up again

const element = (id) => document.getElementById(id);

async function main() {
  const simulation = await Simulation.load((text) => { element('progress').textContent = text; });
  const { about } = simulation;
  const names = Object.keys(about.clip_latents);
  let target, z, mu = null, chosen = null, paused = false, downSince = null;
  const scene = new Scene(element('stage'), simulation);
  const sphere = new Sphere(element('sphere'), about.sphere_axes, about.clip_latents, (to, name) => {
    ask(name ? about.clip_latents[name] : latents.turned(about.sphere_axes, target, to), name);
  });

  function ask(skill, name = null) {
    [target, chosen] = [skill, name];
    for (const button of element('clips').children) button.classList.toggle('chosen', button.textContent === name);
  }
  function restart() {
    simulation.reset();
    scene.forget();
    [z, mu, downSince] = [target, null, null];
  }

  for (const name of names) {
    const button = document.createElement('button');
    button.textContent = button.title = name;
    button.onclick = () => ask(about.clip_latents[name], name);
    element('clips').append(button);
  }
  element('random').onclick = () => ask(latents.random(about.latent_dim));
  element('push').onclick = () => simulation.push(PUSH);
  element('reset').onclick = restart;
  element('pause').onclick = () => {
    paused = !paused;
    element('pause').textContent = paused ? 'go on' : 'pause';
  };
  element('title').textContent = document.title = about.title;
  element('about').textContent =
    `${about.method} policy ${about.policy_sha256.slice(0, 8)}; MuJoCo ${simulation.mujoco.mj_versionString()} and ` +
    'onnxruntime in your browser. Nothing is sent anywhere.';
  ask(names.length ? about.clip_latents[names[0]] : latents.random(about.latent_dim), names[0]);
  restart();
  element('veil').classList.add('gone');

  let last = performance.now(), owed = 0;
  for (;;) {
    const now = await new Promise(requestAnimationFrame);
    const passed = (now - last) / 1000;
    owed = Math.min(owed + (paused ? 0 : passed), BEHIND);
    last = now;
    for (; owed >= simulation.dt; owed -= simulation.dt) {
      z = latents.towards(z, target, TURN * simulation.dt);
      await simulation.step(z);
      scene.remember();
      downSince = simulation.fallen ? downSince ?? simulation.seconds : null;
      if (downSince !== null && simulation.seconds - downSince > DOWN) restart();
    }
    const present = await simulation.seen();
    if (present) mu = latents.unit(mu ? latents.add(mu, latents.add(present, mu, -1), 0.15) : present); // calmed
    for (const button of element('clips').children) {
      const alike = mu ? Math.max(0, latents.dot(mu, about.clip_latents[button.textContent])) : 0;
      button.style.setProperty('--seen-by', `${Math.round(100 * alike)}%`);
    }
    const [x, y] = simulation.place;
    element('state').textContent = downSince === null
      ? `${simulation.seconds.toFixed(1)} s, ${Math.hypot(x, y).toFixed(2)} m from the start`
      : 'it fell; it will stand up again';
    sphere.draw(z, target, mu, chosen);
    scene.draw(passed);
  }
}

main().catch((error) => {
  element('veil').classList.remove('gone');
  element('progress').textContent = `This page cannot run here: ${error.message ?? error}`;
  throw error;
});
