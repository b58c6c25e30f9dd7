"""Style and script of the report page."""

STYLE = """
:root { color-scheme: light dark; --paper: #f4f5f7; --card: #ffffff; --ink: #1d232b;
  --soft: #5b6673;  --line: #dde1e6; --accent: #0072b2; --well: #eef0f3; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --card: #1d2228; --ink: #e8ebee;
  --soft: #9aa5b1; --line: #323941; --accent: #56b4e9; --well: #262c33; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
header { padding: 8px 4px 18px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 0 0 14px; overflow-wrap: anywhere; }
.lead { margin: 0; color: var(--soft); font-size: 17px; }
.kind { font-weight: 400; font-size: 14px; color: var(--soft); margin-left: 6px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 20px 22px; margin: 0 0 18px; }
.facts { display: flex; flex-wrap: wrap; gap: 12px 34px; margin-bottom: 16px; }
.facts b { display: block; font-size: 24px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: 13px; }
.bar { display: block; width: 100%; border-radius: 6px; background: var(--well); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 8px 0 16px;
  padding: 0;  font-size: 13px; color: var(--soft); }
.legend b { color: var(--ink); font-weight: 600; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px;
  margin-right: 6px; }
figure { margin: 0 0 16px; }
figure img { display: block; max-width: 100%; max-height: 700px; width: auto; height: auto;
  border-radius: 8px; background: var(--well); }
figcaption { color: var(--soft); font-size: 13px; margin-top: 6px; }
.wide { overflow-x: auto; margin: 0 0 14px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
caption { text-align: left; color: var(--soft); padding: 0 0 6px; }
th, td { text-align: left; vertical-align: top; padding: 6px 12px 6px 0;
  border-bottom: 1px solid var(--line);  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 22px; margin: 0;
  font-size: 14px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--well); border-radius: 5px; padding: 1px 6px; overflow-wrap: anywhere; }
.files, .notes { font-size: 14px; color: var(--soft); margin: 0 0 4px; }
.notes { padding-left: 18px; }
.good { margin: 0; color: var(--soft); }
canvas { display: block; width: 100%; height: auto; aspect-ratio: 8 / 5; border-radius: 8px;
  background: var(--well); cursor: grab; touch-action: none; }
canvas:active { cursor: grabbing; }
""".strip()

SCRIPT = """
(() => {
  const canvas = document.getElementById('viewer');
  const gl = canvas.getContext('webgl', {antialias: true, preserveDrawingBuffer: true});
  if (!gl || !gl.getExtension('OES_element_index_uint')) {
    document.getElementById('viewer-section').hidden = true;
    return;
  }
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer;
  const program = gl.createProgram();
  const shader = (kind, source) => {
    const s = gl.createShader(kind);
    gl.shaderSource(s, source);
    gl.compileShader(s);
    gl.attachShader(program, s);
  };
  shader(gl.VERTEX_SHADER, `
    attribute vec3 position, normal; uniform mat3 turn; uniform vec2 scale; varying vec3 n;
    void main() {
      vec3 p = turn * position; n = turn * normal;
      float depth = 3.2 - p.z;
      gl_Position = vec4(p.xy * scale, 1.6667 * depth - 4.0, depth);  // near 1.5, far 6
    }`);
  shader(gl.FRAGMENT_SHADER, `
    precision mediump float; varying vec3 n; uniform vec3 colour;
    void main() {
      vec3 m = normalize(n); if (m.z < 0.0) m = -m;
      float key = max(dot(m, normalize(vec3(-0.5, 0.7, 0.62))), 0.0);
      float fill = max(dot(m, normalize(vec3(0.85, 0.1, 0.5))), 0.0);
      float rim = 0.3 * pow(1.0 - m.z, 3.0);
      vec3 lit = pow(colour, vec3(2.2)) * (0.22 + 0.85 * key + 0.22 * fill) + rim;
      gl_FragColor = vec4(pow(clamp(lit, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
    }`);
  gl.linkProgram(program);
  gl.useProgram(program);
  const buffer = (target, data) => {
    const b = gl.createBuffer();
    gl.bindBuffer(target, b);
    gl.bufferData(target, data, gl.STATIC_DRAW);
    return b;
  };
  const normals = (p, f) => {
    const n = new Float32Array(p.length);
    for (let i = 0; i < f.length; i += 3) {
      const [a, b, c] = [3 * f[i], 3 * f[i + 1], 3 * f[i + 2]];
      const e = [0, 1, 2].map(k => p[b + k] - p[a + k]);
      const g = [0, 1, 2].map(k => p[c + k] - p[a + k]);
      for (let k = 0; k < 3; k++) {
        const [r, s] = [(k + 1) % 3, (k + 2) % 3];
        const value = e[r] * g[s] - e[s] * g[r];
        n[a + k] += value; n[b + k] += value; n[c + k] += value;
      }
    }
    return n;
  };
  const bodies = JSON.parse(document.getElementById('viewer-data').textContent).map(d => {
    const positions = Float32Array.from(new Int16Array(bytes(d.positions)), v => v / 32767);
    const faces = new Uint32Array(bytes(d.faces));
    return {
      positions: buffer(gl.ARRAY_BUFFER, positions),
      normals: buffer(gl.ARRAY_BUFFER, normals(positions, faces)),
      faces: buffer(gl.ELEMENT_ARRAY_BUFFER, faces),
      count: faces.length,
      colour: d.colour.map(c => c / 255),
    };
  });
  let yaw = 0.5, pitch = 0.12, zoom = 1, touched = false, pending = false;
  const attribute = (name, data) => {
    const at = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, data);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, 3, gl.FLOAT, false, 0, 0);
  };
  const draw = () => {
    pending = false;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    gl.uniformMatrix3fv(gl.getUniformLocation(program, 'turn'), false,
      [cy, sp * sy, -cp * sy, 0, cp, sp, sy, -sp * cy, cp * cy]);
    const f = 2.95 * zoom;
    gl.uniform2f(gl.getUniformLocation(program, 'scale'), f * canvas.height / canvas.width, f);
    for (const body of bodies) {
      attribute('position', body.positions);
      attribute('normal', body.normals);
      gl.uniform3fv(gl.getUniformLocation(program, 'colour'), body.colour);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, body.faces);
      gl.drawElements(gl.TRIANGLES, body.count, gl.UNSIGNED_INT, 0);
    }
  };
  const later = () => { if (!pending) { pending = true; requestAnimationFrame(draw); } };
  canvas.addEventListener('pointerdown', e => {
    touched = true;
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener('pointermove', e => {
    if (!e.buttons) return;
    yaw += e.movementX * 0.008;
    pitch = Math.max(-1.5, Math.min(1.5, pitch + e.movementY * 0.008));
    later();
  });
  canvas.addEventListener('wheel', e => {
    e.preventDefault();
    zoom = Math.max(0.4, Math.min(8, zoom * Math.exp(-e.deltaY * 0.001)));
    later();
  }, {passive: false});
  canvas.addEventListener('keydown', e => {
    const steps = {
      ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1],
    };
    const step = steps[e.key];
    if (!step) return;
    e.preventDefault();
    touched = true; yaw += step[0]; pitch += step[1];
    later();
  });
  window.addEventListener('resize', later);
  const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
  const start = performance.now();
  const spin = now => {
    if (touched || still) return;
    yaw = 0.5 + 0.6 * Math.sin((now - start) / 2500);
    draw();
    requestAnimationFrame(spin);
  };
  draw();
  requestAnimationFrame(spin);
})();
""".strip()
