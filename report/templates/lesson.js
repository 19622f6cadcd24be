"use strict";
/* A lesson's page: sliders choose among panels computed beforehand; answers are read as in lessons/reading.py and
   compared with data from the checker; a prediction comes before what it is about, a try before the solution. */
(() => {
  const FUNCTIONS = {
    sqrt: Math.sqrt, log: Math.log, ln: Math.log, exp: Math.exp, abs: Math.abs, Abs: Math.abs,
    sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan,
    sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh,
  };
  const CONSTANTS = { pi: Math.PI, e: Math.E };
  const WRITTEN = [["−", "-"], ["–", "-"], ["·", "*"], ["×", "*"], ["÷", "/"], ["**", "^"], ["π", " pi "], ["ε", " eps "], ["ρ", " rho "], ["√", " sqrt "]];
  const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻";
  const TOKEN = /\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([A-Za-z\u0370-\u03ff][\w\u0370-\u03ff]*)|([-+*/^()]))/y;

  class Unreadable extends Error {}

  /* The answer as a function of the values of its symbols; Unreadable names the part that cannot be read. */
  function read(text, symbols) {
    if (text.length > 400) throw new Unreadable("An answer of at most 400 characters is expected.");
    for (const [written, meant] of WRITTEN) text = text.replaceAll(written, meant);
    text = text.replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+/g, (some) => "^(" + [...some].map((one) => "0123456789-"[RAISED.indexOf(one)]).join("") + ")").trim();
    if (!text) throw new Unreadable("There is nothing to read yet.");
    const names = [...Object.keys(CONSTANTS), ...symbols];
    let depth = 0;

    function split(word) {
      if (names.includes(word) || word in FUNCTIONS) return [word];
      for (let length = word.length - 1; length > 0; length--) {
        if (!symbols.includes(word.slice(0, length))) continue;
        const rest = split(word.slice(length));
        if (rest) return [word.slice(0, length), ...rest];
      }
      return null;
    }
    const tokens = [];
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length;) {
      const at = TOKEN.lastIndex, match = TOKEN.exec(text);
      if (!match) {
        const rest = text.slice(at).trim();
        throw new Unreadable(`Cannot read "${rest[0]}" in "${rest.slice(0, 20)}"${rest[0] === "," ? " (decimals have a point)" : ""}.`);
      }
      const [, number, name, sign] = match;
      if (number !== undefined) tokens.push({ kind: "number", text: number });
      else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
      else {
        const parts = split(name);
        if (!parts) {
          const near = Object.keys(FUNCTIONS).find((one) => name.startsWith(one));
          const why = near ? `write ${near}(...)` : symbols.length ? `the symbols are ${symbols.join(", ")}` : "a number is asked for";
          throw new Unreadable(`Cannot read "${name}": ${why}.`);
        }
        tokens.push(...parts.map((one) => ({ kind: "name", text: one })));
      }
    }
    tokens.push({ kind: "end", text: "" });
    const now = () => tokens[0], take = () => tokens.shift();
    const refuse = (why) => { throw new Unreadable(now().kind === "end" ? `Something is missing at the end of "${text}".` : `Cannot read "${now().text}": ${why}.`); };
    const deeper = (part) => {
      if (++depth > 25) throw new Unreadable("This is nested too deeply to be meant.");
      const value = part();
      depth--;
      return value;
    };
    function sum() {
      let value = product();
      while (["+", "-"].includes(now().text)) {
        const left = value, minus = take().text === "-", right = product();
        value = minus ? (x) => left(x) - right(x) : (x) => left(x) + right(x);
      }
      return value;
    }
    function product() {
      let value = signed(), divided = false;
      while (["*", "/", "("].includes(now().text) || ["number", "name"].includes(now().kind)) {
        const sign = ["*", "/"].includes(now().text) ? take().text : "";
        if (!sign && now().kind === "number") refuse("a number behind a factor needs a sign between, such as *");
        if (!sign && divided) refuse("behind a division it can be read in two ways; write * or brackets");
        divided = sign === "/";
        const left = value, right = signed();
        value = divided ? (x) => left(x) / right(x) : (x) => left(x) * right(x);
      }
      return value;
    }
    function signed() {
      if (!["+", "-"].includes(now().text)) return power();
      const minus = take().text === "-", value = deeper(signed);
      return minus ? (x) => -value(x) : value;
    }
    function power() {
      const base = atom();
      if (now().text !== "^") return base;
      take();
      const exponent = deeper(signed);
      return (x) => Math.pow(base(x), exponent(x));
    }
    function closed() {
      const value = deeper(sum);
      if (now().text !== ")") {
        if (now().kind === "end") throw new Unreadable(`A bracket opened in "${text}" is not closed.`);
        refuse("not expected there");
      }
      take();
      return value;
    }
    function atom() {
      const token = now();
      if (token.kind === "number") { take(); return () => Number(token.text); }
      if (token.text === "(") { take(); return closed(); }
      if (token.kind !== "name") refuse("a number, a symbol or a bracket is expected there");
      take();
      if (names.includes(token.text)) return token.text in CONSTANTS && !symbols.includes(token.text) ? () => CONSTANTS[token.text] : (x) => x[token.text];
      const apply = FUNCTIONS[token.text];
      let raised = null;
      if (now().text === "^") { take(); raised = atom(); }
      let argument;
      if (now().text === "(") { take(); argument = closed(); } else argument = deeper(power);
      return raised ? (x) => Math.pow(apply(argument(x)), raised(x)) : (x) => apply(argument(x));
    }
    const value = sum();
    if (now().kind !== "end") refuse(now().text === ")" ? "a closing bracket without an opening one" : "not expected there");
    return value;
  }

  const close = (a, b, relative) => Math.abs(a - b) <= relative * Math.max(1, Math.abs(a), Math.abs(b));
  const finite = (value, text) => {
    if (!Number.isFinite(value)) throw new Unreadable(`"${text}" is not a finite real number.`);
    return value;
  };
  function samples(rule, text) {
    const meant = read(text, rule.symbols);
    return rule.points.map((point) => meant(Object.fromEntries(rule.symbols.map((name, i) => [name, point[i]]))));
  }
  const same = (some, others) => others !== null && some.every((value, i) => close(value, others[i], 1e-9));

  /* A map of the plane "a; b": does it keep lengths and the volume, and bend? By central differences. */
  function judgeMap(text) {
    const parts = text.split(";");
    if (parts.length !== 2) throw new Unreadable("Two formulas are expected, with a semicolon between.");
    const [a, b] = parts.map((part) => read(part, ["z1", "z2"]));
    const at = (x, y) => [a({ z1: x, z2: y }), b({ z1: x, z2: y })];
    const h = 1e-5, places = [[0.3, 0.7], [-0.6, 0.4], [0.9, -0.2], [1.2, 0.8]], slopes = [];
    for (const [x, y] of places) {
      const here = at(x, y);
      if (!close(here[0] ** 2 + here[1] ** 2, x * x + y * y, 1e-9)) return [false, "Your map does not keep |z|²."];
      const right = at(x + h, y), left = at(x - h, y), up = at(x, y + h), down = at(x, y - h);
      const d = [0, 1].map((i) => [(right[i] - left[i]) / (2 * h), (up[i] - down[i]) / (2 * h)]);
      if (!close((d[0][0] * d[1][1] - d[0][1] * d[1][0]) ** 2, 1, 1e-6)) return [false, "Your map does not keep the volume."];
      slopes.push(d.flat());
    }
    const linear = slopes.every((one) => one.every((value, i) => close(value, slopes[0][i], 1e-6)));
    return linear ? [false, "It preserves the prior, but it is linear."] : null;
  }
  /* [right, words as HTML or null] */
  function judge(rule, text) {
    if (rule.kind === "map") return judgeMap(text) || [true, rule.right];
    if (rule.kind === "formula") {
      const values = samples(rule, text);
      if (same(values, rule.values)) return [true, rule.right];
      return [false, same(values, rule.mistake[0]) ? rule.mistake[1] : null];
    }
    const value = finite(read(text, [])({}), text), [low, high] = rule.range;
    if (low <= value && value <= high) return [true, rule.right];
    return [false, close(value, rule.mistake[0], 2e-3) ? rule.mistake[1] : null];
  }

  function answered(field, exercise) {
    const rule = JSON.parse(exercise.dataset.exercise), said = exercise.querySelector(".verdict");
    const solution = exercise.querySelector(".solution");
    solution.hidden = true;
    const check = () => {
      if (!field.value.trim()) return;
      solution.hidden = false;
      try {
        const [right, words] = judge(rule, field.value);
        said.className = "verdict callout " + (right ? "success" : "warn");
        said.innerHTML = (right ? "<strong>Right.</strong> " : "<strong>Not yet.</strong> ") + (words || "");
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        said.className = "verdict callout warn";
        said.textContent = error.message;
      }
    };
    field.addEventListener("change", check);
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") check(); });
  }
  function predicted(field, asked) {
    for (const one of asked) one.hidden = true;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Show";
    field.after(" ", button);
    const show = () => { if (!field.value.trim()) { field.focus(); return; } for (const one of asked) one.hidden = false; button.hidden = true; };
    button.addEventListener("click", show);
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") show(); });
  }
  function slide(name, value) {
    for (const input of document.querySelectorAll(`input[data-slider="${name}"]`)) {
      input.value = value;
      const text = JSON.parse(input.dataset.values)[value];
      input.setAttribute("aria-valuetext", text);
      input.parentElement.querySelector("output").textContent = text;
      const moving = input.closest(".moving");
      const at = [...moving.querySelectorAll("input[data-slider]")].map((one) => one.value).join("-");
      for (const panel of moving.querySelectorAll(":scope > .piece > .panel"))
        panel.hidden = !panel.dataset.at.split(" ").includes(at);
    }
  }

  for (const input of document.querySelectorAll("input[data-slider]"))
    input.addEventListener("input", () => slide(input.dataset.slider, input.value));
  let field = null;
  const questions = new Map();
  for (const part of document.querySelectorAll(".answer input, .exercise, .asked")) {
    if (part.matches("input")) field = part;
    else if (part.matches(".exercise")) answered(field, part);
    else questions.set(field, [...(questions.get(field) || []), part]);
  }
  for (const [field, asked] of questions) predicted(field, asked);
  globalThis.elbogapLesson = { read: (text, symbols) => { try { return read(text, symbols)(Object.fromEntries(symbols.map((one, i) => [one, 0.31 + i / 7]))); } catch (error) { return error.message; } } };
})();
