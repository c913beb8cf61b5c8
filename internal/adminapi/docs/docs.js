"use strict";
// Renders the contract: operations by tag, with parameters, bodies, answers and a curl line. Text goes in as text only.
(() => {
  const el = (tag, attrs = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [k, v] of Object.entries(attrs)) if (v !== undefined) node.setAttribute(k, v);
    node.append(...children.filter((c) => c !== undefined && c !== null));
    return node;
  };
  let doc;
  const deref = (x) => (x && x.$ref ? deref(x.$ref.slice(2).split("/").reduce((o, k) => o[k.replaceAll("~1", "/")], doc)) : x);
  const refName = (x) => (x && x.$ref ? x.$ref.split("/").pop() : "");

  // Sentences in the contract use `code` and **bold**.
  const prose = (text) => {
    const out = document.createDocumentFragment();
    for (const part of String(text || "").split(/(`[^`]+`|\*\*[^*]+\*\*)/)) {
      if (part.startsWith("`")) out.append(el("code", {}, part.slice(1, -1)));
      else if (part.startsWith("**")) out.append(el("strong", {}, part.slice(2, -2)));
      else out.append(part);
    }
    return out;
  };

  const types = (s) => (Array.isArray(s.type) ? s.type : s.type ? [s.type] : []);
  const typeText = (raw) => {
    const s = deref(raw) || {};
    if (s.oneOf) return s.oneOf.map(typeText).join(" or ");
    if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(" · ");
    if (types(s).includes("array")) return `list of ${typeText(s.items)}`;
    if (types(s).includes("object") || s.allOf) return refName(raw) || "object";
    return types(s).join(" or ") + (s.format ? ` (${s.format})` : "");
  };
  const bounds = (raw) => {
    const s = deref(raw) || {};
    const out = [];
    if (s.default !== undefined) out.push(`default ${JSON.stringify(s.default)}`);
    if (s.minimum !== undefined) out.push(`from ${s.minimum}`);
    if (s.maximum !== undefined) out.push(`to ${s.maximum}`);
    if (s.minLength !== undefined) out.push(`at least ${s.minLength} characters`);
    if (s.maxLength !== undefined) out.push(`at most ${s.maxLength} characters`);
    if (s.pattern) out.push(`pattern ${s.pattern}`);
    return out.join(", ");
  };
  const members = (raw) => {
    const s = deref(raw) || {};
    const all = { properties: {}, required: [] };
    for (const part of s.allOf || [s]) {
      const p = deref(part);
      if (p.allOf) Object.assign(all.properties, members(p).properties);
      Object.assign(all.properties, p.properties);
      all.required.push(...(p.required || []));
    }
    return all;
  };

  const schemaTable = (raw, depth = 0) => {
    const s = deref(raw) || {};
    if (types(s).includes("array")) return schemaTable(s.items, depth);
    const { properties, required } = members(raw);
    if (Object.keys(properties).length === 0) return el("p", { class: "dim" }, typeText(raw));
    const body = el("tbody");
    for (const [name, prop] of Object.entries(properties)) {
      const p = deref(prop);
      const cell = el("td", {}, prose([prop.description || p.description, bounds(prop)].filter(Boolean).join(" — ")));
      const inner = types(p).includes("array") ? p.items : p.oneOf ? p.oneOf.find((o) => o.$ref) : prop;
      if (inner && depth < 3 && Object.keys(members(inner).properties).length > 0) {
        const more = el("details", {}, el("summary", {}, refName(inner) || "members"));
        more.addEventListener("toggle", () => { if (more.open && !more.querySelector("div")) more.append(el("div", {}, schemaTable(inner, depth + 1))); });
        cell.append(more);
      }
      body.append(el("tr", {}, el("td", {}, name, required.includes(name) ? el("span", { class: "req", title: "required" }, " *") : ""), el("td", {}, typeText(prop)), cell));
    }
    return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Fields" }, el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Name"), el("th", {}, "Type"), el("th", {}, "Meaning"))), body));
  };

  const example = (raw, depth = 0) => {
    const s = deref(raw) || {};
    if (s.examples) return s.examples[0];
    if (s.enum) return s.enum[0];
    if (s.oneOf) return example(s.oneOf[0], depth);
    if (types(s).includes("array")) return depth > 3 ? [] : [example(s.items, depth + 1)];
    if (types(s).includes("object") || s.allOf) {
      const { properties, required } = members(raw);
      return Object.fromEntries(Object.entries(properties).filter(([n]) => required.includes(n)).map(([n, p]) => [n, example(p, depth + 1)]));
    }
    if (s.format === "uuid") return "0199a0c0-0000-7000-8000-000000000000";
    if (s.format === "date-time") return "2030-01-01T00:00:00Z";
    if (types(s).includes("integer")) return s.minimum || 1;
    if (types(s).includes("boolean")) return true;
    return "…";
  };

  const curl = (method, path, op, params) => {
    const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}"${location.origin}/api/v1${path}"`];
    if (op.security && op.security.length === 1 && op.security[0].session) lines.push('  -b "starlane_session=$SESSION" -H "x-csrf-token: $CSRF"');
    else if (!op.security || op.security.length > 0) lines.push('  -H "Authorization: Bearer $STARLANE_TOKEN"');
    if (params.some((p) => p.name === "Idempotency-Key")) lines.push('  -H "Idempotency-Key: $(uuidgen)"');
    const schema = op.requestBody && deref(op.requestBody).content["application/json"].schema;
    if (schema) lines.push('  -H "Content-Type: application/json"', `  -d '${JSON.stringify(example(schema))}'`);
    return lines.join(" \\\n");
  };

  const operation = (method, path, item, op) => {
    const params = [...(item.parameters || []), ...(op.parameters || [])].map(deref);
    const box = el("section", { class: "op", id: op.operationId, "aria-label": op.summary },
      el("h3", {}, op.summary), el("p", { class: "path" }, el("span", { class: `m ${method}` }, method), ` /api/v1${path}`));
    if (op.description) box.append(el("p", {}, prose(op.description)));
    if (params.length > 0) {
      const rows = params.map((p) => el("tr", {}, el("td", {}, p.name, p.required ? el("span", { class: "req", title: "required" }, " *") : ""), el("td", {}, p.in),
        el("td", {}, typeText(p.schema)), el("td", {}, prose([p.description, bounds(p.schema)].filter(Boolean).join(" — ")))));
      box.append(el("h4", {}, "Parameters"), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Parameters" }, el("table", {}, el("thead", {}, el("tr", {}, ...["Name", "In", "Type", "Meaning"].map((h) => el("th", {}, h)))), el("tbody", {}, ...rows))));
    }
    if (op.requestBody) box.append(el("h4", {}, "Body"), schemaTable(deref(op.requestBody).content["application/json"].schema));
    for (const [status, raw] of Object.entries(op.responses)) {
      const r = deref(raw);
      if (status === "default") continue;
      box.append(el("h4", {}, `Answer ${status}: ${r.description}`));
      const json = r.content && r.content["application/json"];
      if (json) box.append(el("details", {}, el("summary", {}, refName(json.schema) || "Body"), el("div", {}, schemaTable(json.schema))));
      if (r.content && r.content["text/csv"]) box.append(el("p", { class: "dim" }, "Also as text/csv."));
    }
    box.append(el("h4", {}, "Example"), el("pre", { tabindex: "0" }, curl(method, path, op, params)));
    return box;
  };

  const render = () => {
    const main = document.getElementById("content");
    const toc = document.getElementById("toc");
    main.replaceChildren(el("h1", {}, doc.info.title), ...doc.info.description.split("\n\n").map((p) => el("p", {}, prose(p))));
    for (const tag of doc.tags) {
      const list = el("ul");
      const part = el("div", { "data-tag": tag.name }, el("h2", {}, tag.name), list);
      main.append(el("h2", { class: "tag" }, tag.name), el("p", { class: "tagline" }, prose(tag.description)));
      for (const [path, item] of Object.entries(doc.paths)) {
        for (const method of ["get", "post", "put", "patch", "delete"]) {
          const op = item[method];
          if (!op || op.tags[0] !== tag.name) continue;
          main.append(operation(method, path, item, op));
          list.append(el("li", { "data-text": `${method} ${path} ${op.summary}`.toLowerCase() }, el("a", { href: `#${op.operationId}` }, op.summary)));
        }
      }
      toc.append(part);
    }
    document.getElementById("filter").addEventListener("input", (e) => {
      const wanted = e.target.value.trim().toLowerCase();
      for (const li of toc.querySelectorAll("li")) li.hidden = !li.dataset.text.includes(wanted);
      for (const part of toc.children) part.hidden = !part.querySelector("li:not([hidden])");
    });
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  };

  fetch("/docs/openapi.json").then((r) => r.json()).then((d) => { doc = d; render(); }, () => {
    document.getElementById("loading").textContent = "The contract could not be loaded. Try again.";
  });
})();
