// What is seen of the simulation: its geoms in three.js, a checkered ground, the path of the root, a camera that follows.

import * as THREE from 'three';
import { OrbitControls } from './lib/OrbitControls.js';

const PLANE = 0, SPHERE = 2, CAPSULE = 3, ELLIPSOID = 4, CYLINDER = 5, BOX = 6, MESH = 7; // mjtGeom
const HIDDEN_GROUP = 3; // geoms of this group and beyond are contact shapes, as in MuJoCo's own viewer
const TRAIL = 1500; // points
const FOLLOW = 3; // 1/s, how quickly the camera follows
const SLOW = 0.06, PATIENCE = 4; // s a picture may take, and how many may take longer before pictures become plainer

export class Scene {
  constructor(canvas, simulation) {
    THREE.Object3D.DEFAULT_UP.set(0, 0, 1);
    this.simulation = simulation;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
    this.renderer.shadowMap.enabled = true;
    this.ratio = Math.min(devicePixelRatio, 2);
    this.slow = 0;
    this.scene = new THREE.Scene();
    this.scene.background = new THREE.Color('#e9edf1');
    const size = this.standing = simulation.about.standing_qpos[2];
    this.scene.fog = new THREE.Fog('#e9edf1', 12 * size, 40 * size);
    this.camera = new THREE.PerspectiveCamera(40, 1, 0.02 * size, 80 * size);
    const far = size * Math.max(1, (1.3 * canvas.clientHeight) / canvas.clientWidth); // upright screens are narrow
    this.camera.position.set(-2.4 * far, -3.4 * far, 1.7 * far);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.maxPolarAngle = 0.49 * Math.PI;
    this.aim = new THREE.Vector3(0, 0, 0.75 * size);
    this.controls.target.copy(this.aim);
    this.addLight(size);
    this.addGround(size);
    this.addGeoms();
    this.addTrail();
    addEventListener('resize', () => this.fit());
    this.fit();
  }

  addLight(size) {
    this.scene.add(new THREE.HemisphereLight('#ffffff', '#b9c0c8', 1.6));
    const sun = this.sun = new THREE.DirectionalLight('#fff6e8', 2.2);
    sun.castShadow = true;
    sun.shadow.mapSize.set(1024, 1024);
    const reach = 2.5 * size;
    Object.assign(sun.shadow.camera, { left: -reach, right: reach, top: reach, bottom: -reach, far: 20 * size });
    this.scene.add(sun, sun.target);
  }

  addGround(size) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 128;
    const pen = tile.getContext('2d');
    for (const [x, y, tint] of [[0, 0, '#d3d8dd'], [64, 0, '#c8ced5'], [0, 64, '#c8ced5'], [64, 64, '#d3d8dd']]) {
      pen.fillStyle = tint;
      pen.fillRect(x, y, 64, 64);
    }
    const texture = new THREE.CanvasTexture(tile);
    texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
    texture.colorSpace = THREE.SRGBColorSpace;
    texture.anisotropy = 8;
    this.tile = 2; // m, two squares of 1 m a side: strides can be read off
    const side = this.tile * Math.ceil((80 * size) / this.tile);
    texture.repeat.set(side / this.tile, side / this.tile);
    this.ground = new THREE.Mesh(new THREE.PlaneGeometry(side, side), new THREE.MeshLambertMaterial({ map: texture }));
    this.ground.receiveShadow = true;
    this.scene.add(this.ground);
  }

  addGeoms() {
    const { model } = this.simulation;
    this.geoms = [];
    for (let i = 0; i < model.ngeom; i++) {
      if (model.geom_type[i] === PLANE || model.geom_group[i] >= HIDDEN_GROUP) continue;
      const [r, g, b, a] = model.geom_rgba.slice(4 * i, 4 * i + 4);
      const color = new THREE.Color().setRGB(r, g, b, THREE.SRGBColorSpace);
      const material = new THREE.MeshStandardMaterial({ color, roughness: 0.65, transparent: a < 1, opacity: a });
      const mesh = new THREE.Mesh(shape(model, i), material);
      mesh.castShadow = mesh.receiveShadow = true;
      mesh.matrixAutoUpdate = false;
      this.scene.add(mesh);
      this.geoms.push([i, mesh]);
    }
  }

  addTrail() {
    this.path = new Float32Array(3 * TRAIL);
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', new THREE.BufferAttribute(this.path, 3));
    this.trail = new THREE.Line(geometry, new THREE.LineBasicMaterial({ color: '#2563a8' }));
    this.trail.frustumCulled = false;
    this.scene.add(this.trail);
    this.forget();
  }

  /** Begin the path anew. */
  forget() { this.points = 0; }

  /** Note where the root is now. */
  remember() {
    if (this.points === TRAIL) { this.path.copyWithin(0, 3); this.points--; }
    const [x, y] = this.simulation.place;
    this.path.set([x, y, 0.004], 3 * this.points++);
    this.trail.geometry.setDrawRange(0, this.points);
    this.trail.geometry.attributes.position.needsUpdate = true;
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.renderer.domElement;
    this.renderer.setPixelRatio(this.ratio);
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    // the panel covers the right (below 720 px the lower) part: move the middle of the picture away from it
    const [right, down] = width > 720 ? [0.5 * 332, 0] : [0, 0.25 * height];
    this.camera.setViewOffset(width, height, right, down, width, height);
  }

  /** Plainer pictures where they come slowly, as without a graphics card: no shadows, then fewer pixels. */
  ease(seconds) {
    this.slow = seconds > SLOW ? this.slow + 1 : 0;
    if (this.slow < PATIENCE || this.ratio < 0.5) return;
    this.slow = 0;
    if (this.sun.castShadow) this.sun.castShadow = false;
    else this.ratio /= 1.5;
    this.fit();
  }

  /** One picture, `seconds` after the one before. */
  draw(seconds) {
    this.ease(seconds);
    const { geom_xpos: places, geom_xmat: turns } = this.simulation.data;
    for (const [i, mesh] of this.geoms) {
      const m = turns.slice(9 * i, 9 * i + 9), p = places.slice(3 * i, 3 * i + 3);
      mesh.matrix.set(m[0], m[1], m[2], p[0], m[3], m[4], m[5], p[1], m[6], m[7], m[8], p[2], 0, 0, 0, 1);
      mesh.matrixWorldNeedsUpdate = true;
    }
    const [x, y] = this.simulation.place;
    const step = new THREE.Vector3(x, y, this.aim.z).sub(this.aim);
    if (step.length() < 4 * this.standing) step.multiplyScalar(1 - Math.exp(-FOLLOW * seconds)); // follows the travel, not the sway
    this.aim.add(step);
    this.camera.position.add(step);
    this.controls.target.copy(this.aim);
    this.controls.update();
    this.sun.target.position.set(x, y, 0);
    this.sun.position.set(x - 2 * this.standing, y - 3 * this.standing, 6 * this.standing);
    this.ground.position.set(this.tile * Math.round(x / this.tile), this.tile * Math.round(y / this.tile), 0);
    this.renderer.render(this.scene, this.camera);
  }
}

/** The shape of geom i; MuJoCo's long axis is z, three's is y. */
function shape(model, i) {
  const [a, b, c] = model.geom_size.slice(3 * i, 3 * i + 3);
  switch (model.geom_type[i]) {
    case SPHERE: return new THREE.SphereGeometry(a, 24, 16);
    case CAPSULE: return new THREE.CapsuleGeometry(a, 2 * b, 10, 24).rotateX(Math.PI / 2);
    case ELLIPSOID: return new THREE.SphereGeometry(1, 24, 16).scale(a, b, c);
    case CYLINDER: return new THREE.CylinderGeometry(a, a, 2 * b, 28).rotateX(Math.PI / 2);
    case BOX: return new THREE.BoxGeometry(2 * a, 2 * b, 2 * c);
    case MESH: return polyhedron(model, model.geom_dataid[i]);
    default: throw new Error(`geom ${i} is of type ${model.geom_type[i]}, which this page cannot draw`);
  }
}

function polyhedron(model, mesh) {
  const [v, n] = [model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]];
  const [f, m] = [model.mesh_faceadr[mesh], model.mesh_facenum[mesh]];
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute('position', new THREE.BufferAttribute(model.mesh_vert.slice(3 * v, 3 * (v + n)), 3));
  geometry.setIndex(Array.from(model.mesh_face.slice(3 * f, 3 * (f + m))));
  const flat = geometry.toNonIndexed();
  flat.computeVertexNormals();
  return flat;
}
