// The body in MuJoCo and the policy in onnxruntime, both as WebAssembly on one thread: no screen needed.

import * as ort from './lib/ort.wasm.bundle.min.mjs';
import loadMujoco from './lib/mujoco.js';

const ROOT = 1; // body 0 is the world

/** A file beside the page; gzip is undone here, since a plain file server leaves it as it is. */
async function fetched(name) {
  const url = new URL(name, import.meta.url);
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname}: ${answer.status} ${answer.statusText}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!packed) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export class Simulation {
  /** Everything that lies beside the page; `progress` is told in words what is being fetched. */
  static async load(progress = () => {}) {
    progress('loading the policy');
    const about = JSON.parse(new TextDecoder().decode(await fetched('policy.json')));
    progress('loading MuJoCo');
    const mujoco = await loadMujoco({ wasmBinary: await fetched('lib/mujoco.wasm.gz') });
    const model = mujoco.MjModel.from_xml_string(new TextDecoder().decode(await fetched('body.xml')));
    progress('loading the networks');
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = await fetched('lib/ort.wasm.gz');
    const [actor, encoder] = await Promise.all(
      ['actor.onnx', about.has_encoder && 'encoder.onnx'].map(
        async (name) => name && ort.InferenceSession.create(await fetched(name), { executionProviders: ['wasm'] }),
      ),
    );
    return new Simulation(about, mujoco, model, actor, encoder);
  }

  constructor(about, mujoco, model, actor, encoder) {
    Object.assign(this, { about, mujoco, model, actor, encoder });
    this.data = new mujoco.MjData(model);
    this.pushed = 0; // control steps that a push still lasts
    this.reset();
  }

  get dt() { return 1 / this.about.control_hz; }
  get seconds() { return this.data.time; }
  get place() { return this.data.xpos.slice(3, 6); }

  /** To the standing pose, or to a state (nq + nv) such as the first frame of a clip. */
  reset(state) {
    this.mujoco.mj_resetDataKeyframe(this.model, this.data, 0);
    if (state) {
      this.data.qpos.set(state.slice(0, this.model.nq));
      this.data.qvel.set(state.slice(this.model.nq));
    }
    this.pushed = 0;
    this.look();
  }

  /** Bring places, orientations and velocities up to the present coordinates: a step leaves them one behind. */
  look() {
    for (const update of ['mj_kinematics', 'mj_comPos', 'mj_comVel']) this.mujoco[update](this.model, this.data);
  }

  /** One control period under the skill z. */
  async step(z) {
    const { about, data } = this;
    this.observation = this.observe();
    const inputs = { observation: tensor(this.observation), z: tensor(Float32Array.from(z)) };
    const action = (await this.actor.run(inputs)).action.data;
    const targets = data.ctrl;
    for (let i = 0; i < action.length; i++) targets[i] = about.action_center[i] + about.action_scale[i] * action[i];
    if (this.pushed > 0 && --this.pushed === 0) data.xfrc_applied.fill(0);
    for (let i = 0; i < about.physics_steps_per_control; i++) this.mujoco.mj_step(this.model, data);
    this.look();
  }

  /** The skill that the encoder sees in the present state: d numbers, or null without an encoder. */
  async seen() {
    if (!this.encoder || !this.observation) return null;
    return Array.from((await this.encoder.run({ observation: tensor(this.observation) })).mu.data);
  }

  /** Push the root somewhere for a tenth of a second; `speed` is what it would gain if the body were rigid, m/s. */
  push(speed) {
    const mass = this.model.body_mass.reduce((sum, m) => sum + m, 0);
    this.pushed = Math.max(1, Math.round(0.1 * this.about.control_hz));
    const angle = 2 * Math.PI * Math.random();
    const force = (mass * speed) / (this.pushed * this.dt);
    this.data.xfrc_applied.set([force * Math.cos(angle), force * Math.sin(angle)], 6 * ROOT);
  }

  get fallen() {
    const { about } = this;
    const { xpos, xmat } = this.data;
    const low = about.body_names.some((name, i) => xpos[3 * (i + 1) + 2] < (about.fall_below[name] ?? -Infinity));
    const upright = xmat[9 * ROOT + 8];
    return low || (about.fall_tilt !== null && upright < Math.cos(about.fall_tilt)) || !Number.isFinite(upright);
  }

  /** Float32Array (D) as policy.json lays it out: everything in the heading frame of the root. */
  observe() {
    const { data, about } = this;
    const { xpos, xmat, cvel } = data;
    const [rx, ry, rz] = xpos.slice(3, 6), [cx, cy, cz] = data.subtree_com.slice(3, 6);
    const length = Math.hypot(xmat[9], xmat[12]);
    const cos = xmat[9] / length, sin = xmat[12] / length; // where the root's x axis points
    const out = [rz];
    const put = (x, y, z) => out.push(cos * x + sin * y, cos * y - sin * x, z);
    const bodies = Array.from(about.body_names, (_, i) => i + 1);
    for (const b of bodies.slice(1)) put(xpos[3 * b] - rx, xpos[3 * b + 1] - ry, xpos[3 * b + 2] - rz);
    for (const b of bodies) for (const column of [0, 2]) {
      put(xmat[9 * b + column], xmat[9 * b + 3 + column], xmat[9 * b + 6 + column]);
    }
    for (const b of bodies) { // cvel is taken at the centre of mass of the whole body; carry it to each origin
      const [wx, wy, wz, vx, vy, vz] = cvel.slice(6 * b, 6 * b + 6);
      const dx = xpos[3 * b] - cx, dy = xpos[3 * b + 1] - cy, dz = xpos[3 * b + 2] - cz;
      put(vx + wy * dz - wz * dy, vy + wz * dx - wx * dz, vz + wx * dy - wy * dx);
    }
    for (const b of bodies) put(...cvel.slice(6 * b, 6 * b + 3));
    if (about.observation.at(-1).kind === 'clock') out.push(data.time);
    return Float32Array.from(out);
  }
}

const tensor = (row) => new ort.Tensor('float32', row, [1, row.length]);
