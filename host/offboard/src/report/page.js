
"use strict";
// Sorts, filters and unfolds. Data only becomes text nodes, which prevents script injection.
(() => {
  const states = JSON.parse(document.getElementById("states").textContent);
  const blocks = [...document.querySelectorAll("script.orders")];
  const at = (id) => document.getElementById(id);
  const number = (count) => count.toLocaleString("en");
  const PRINTED = 1000;

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    // Strings become text nodes.
    element.append(...children.filter((child) => child !== undefined && child !== null));
    return element;
  };

  const place = (name) => {
    const found = states.findIndex((state) => state.name === name);
    return found < 0 ? states.length - 1 : found;
  };
  const mark = (name) => {
    const state = states[place(name)];
    return make("span", { class: "state " + state.group },
      make("span", { "aria-hidden": "true" }, state.mark), " " + name);
  };

  const time = (ms, letters) => {
    const date = new Date(ms);
    return isNaN(date) ? ms + " ms" : date.toISOString().replace("T", " ").replace("Z", "").slice(0, letters);
  };
  const seconds = (ms) => time(ms, -4);
  const exactly = (ms) => time(ms);
  const duration = (ms) => (Math.abs(ms) < 1000 ? ms + " ms" : Math.trunc(ms / 100) / 10 + " s");

  // Only what the table, its sorting and its filters need. Evidence is parsed again from its
  // block when it is unfolded.
  const read = (block) => JSON.parse(blocks[block].textContent);
  const orders = [];
  blocks.forEach((_, block) => {
    read(block).forEach((order, index) => {
      const last = order.moments.at(-1);
      orders.push({
        block, index,
        number: order.number,
        title: order.name ?? order.asked,
        machine: order.machine,
        comment: order.comment,
        detail: order.detail,
        state: order.state,
        place: place(order.state),
        last: last ? last.at : -Infinity,
        open: false,
        text: [
          order.number, order.asked, order.machine, order.name, order.platform, order.comment, order.state,
          order.action, order.detail, ...order.requests.map((request) => request.tracking),
        ].filter((part) => part !== undefined && part !== null).join("\n").toLowerCase(),
      });
    });
  });
  let held = { block: -1 };
  const whole = (order) => {
    if (held.block !== order.block) held = { block: order.block, orders: read(order.block) };
    return held.orders[order.index];
  };

  // Adds line breaks between the tokens of JSON. Strings and numbers stay as the service wrote
  // them.
  const laidOut = (json) => {
    try {
      JSON.parse(json);
      return lines(json);
    } catch {
      return json;
    }
  };
  const lines = (json) => {
    const parts = [];
    let depth = 0;
    const line = () => parts.push("\n", "  ".repeat(Math.min(depth, 20)));
    const tokens = json.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[^\s"{}[\],:]+|[{}[\],:]/g) ?? [];
    tokens.forEach((token, index) => {
      const before = tokens[index - 1];
      if (token === "}" || token === "]") {
        depth -= 1;
        if (before !== "{" && before !== "[") line();
      } else if (before === "{" || before === "[" || before === ",") {
        line();
      }
      parts.push(token === ":" ? ": " : token);
      if (token === "{" || token === "[") depth += 1;
    });
    return parts.join("");
  };

  const facts = (kind, pairs) => make("dl", { class: kind }, ...pairs
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([label, value]) => make("div", {},
      make("dt", {}, label), make("dd", {}, make("bdi", {}, String(value))))));

  const answer = (json) => make("details", { class: "answer" },
    make("summary", {}, "The answer"),
    make("pre", { tabindex: "0" }, laidOut(json)));

  const request = (made) => {
    const answered = made.answered === undefined
      ? "no answer"
      : exactly(made.answered) + ", after " + duration(made.answered - made.sent);
    const parts = [facts("request", [
      ["Request", made.grant], ["Sent", exactly(made.sent)], ["Answered", answered], ["Status", made.status],
      ["Bytes sent", number(made.bytes_sent)], ["Address", made.address], ["Tracking id", made.tracking],
      ["Failure", made.failure],
    ])];
    if (made.answer !== undefined) parts.push(answer(made.answer));
    return parts;
  };

  const read_later = (action) => [
    facts("request", [["Action read", exactly(action.at)]]),
    answer(action.answer),
  ];

  const evidence = (order) => {
    const all = whole(order);
    const steps = all.moments.map((moment) => make("li", {},
      make("span", { class: "time" }, exactly(moment.at)), " ", mark(moment.state), " ", make("bdi", {}, moment.detail)));
    return make("tr", { class: "more", id: "evidence-" + order.number },
      make("td", { colspan: "6" }, make("div", { class: "evidence" },
        facts("", [
          ["Selected as", all.asked], ["Machine", all.machine], ["Platform", all.platform],
          ["Last seen", all.last_seen], ["Action", all.action], ["External id", all.external_id],
        ]),
        steps.length ? make("ol", { class: "moments" }, ...steps) : null,
        ...all.requests.flatMap(request),
        ...(all.read === undefined ? [] : read_later(all.read)))));
  };

  const row = (order) => {
    const unfold = make("button", {
      type: "button",
      "aria-expanded": String(order.open),
      "aria-label": order.number + ", evidence",
    }, String(order.number));
    const text = (label, value) => make("td", { "data-label": label }, make("bdi", {}, value));
    const element = make("tr", { class: order.open ? "has-more" : "" },
      make("td", { class: "number" }, unfold),
      make("th", { scope: "row" }, make("bdi", {}, order.title),
        order.machine !== undefined && order.machine !== order.title ? make("code", {}, order.machine) : null),
      make("td", {}, mark(order.state)),
      text("Comment", order.comment),
      text("Detail", order.detail),
      make("td", { "data-label": "Last change", class: "time" }, order.last === -Infinity ? "" : seconds(order.last)));
    const show = () => {
      unfold.setAttribute("aria-expanded", String(order.open));
      element.className = order.open ? "has-more" : "";
      if (order.open) {
        element.after(evidence(order));
        unfold.setAttribute("aria-controls", "evidence-" + order.number);
      } else {
        unfold.removeAttribute("aria-controls");
        if (element.nextSibling?.className === "more") element.nextSibling.remove();
      }
    };
    unfold.addEventListener("click", () => {
      order.open = !order.open;
      show();
    });
    return { element, show };
  };

  const rows = at("rows");
  const draw = (some) => {
    const drawn = some.map(row);
    rows.replaceChildren(...drawn.map(({ element }) => element));
    some.forEach((order, index) => {
      if (order.open) drawn[index].show();
    });
  };

  // The visible orders, their sorting, and the current page.
  let fitting = orders;
  let page = 0;
  const sorted = { by: "number", down: false };
  const only = new Set();
  const size = () => Number(at("size").value);
  const pages = () => Math.max(1, Math.ceil(fitting.length / size()));

  const words = () => {
    const filters = [];
    const wanted = at("find").value.trim();
    if (wanted) filters.push("with \u201c" + wanted + "\u201d");
    if (only.size) filters.push("that are " + [...only].sort((a, b) => a - b).map((one) => states[one].name).join(" or "));
    return filters.length
      ? number(fitting.length) + " of " + number(orders.length) + " orders: those " + filters.join(", ") + "."
      : number(orders.length) + (orders.length === 1 ? " order." : " orders.");
  };

  const show = () => {
    page = Math.min(Math.max(page, 0), pages() - 1);
    const from = page * size();
    draw(fitting.slice(from, from + size()));
    const said = words();
    if (at("shown").textContent !== said) at("shown").textContent = said;
    at("page").textContent = "Page " + number(page + 1) + " of " + number(pages());
    at("pages").hidden = fitting.length <= 25;
    at("first").disabled = at("previous").disabled = page === 0;
    at("last").disabled = at("next").disabled = page === pages() - 1;
    at("clear").disabled = fitting.length === orders.length;
  };

  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const arrange = () => {
    const { by, down } = sorted;
    const compare = by === "title" || by === "comment" || by === "detail"
      ? (one, other) => collator.compare(one[by], other[by])
      : (one, other) => (one[by] < other[by] ? -1 : one[by] > other[by] ? 1 : 0);
    const turn = down ? -1 : 1;
    fitting.sort((one, other) => turn * compare(one, other) || one.number - other.number);
  };
  const filter = () => {
    const wanted = at("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    fitting = orders.filter((order) =>
      (only.size === 0 || only.has(order.place)) && wanted.every((word) => order.text.includes(word)));
    page = 0;
    arrange();
    show();
  };

  const heads = [...document.querySelectorAll("#table th[data-sort]")];
  const sort = (head) => {
    const by = head.dataset.sort;
    sorted.down = sorted.by === by && !sorted.down;
    sorted.by = by;
    for (const one of heads) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    page = 0;
    arrange();
    show();
  };
  for (const head of heads) {
    const button = make("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => sort(head));
    // Browsers do not repeat a header with buttons on every printed sheet.
    head.replaceChildren(button, make("span", { class: "printed", "aria-hidden": "true" }, head.textContent));
  }
  heads[0].setAttribute("aria-sort", "ascending");

  const counts = new Map();
  for (const order of orders) counts.set(order.place, (counts.get(order.place) ?? 0) + 1);
  for (const one of [...counts.keys()].sort((a, b) => a - b)) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => {
      if (box.checked) only.add(one);
      else only.delete(one);
      filter();
    });
    at("only").append(make("label", {}, box, mark(states[one].name), " (" + number(counts.get(one)) + ")"));
  }

  let soon;
  at("find").addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(filter, 150);
  });
  at("clear").addEventListener("click", () => {
    at("find").value = "";
    only.clear();
    for (const box of at("only").querySelectorAll("input")) box.checked = false;
    filter();
    at("find").focus();
  });
  const turn = (id, to) => at(id).addEventListener("click", () => {
    page = to();
    show();
  });
  turn("first", () => 0);
  turn("previous", () => page - 1);
  turn("next", () => page + 1);
  turn("last", () => pages() - 1);
  at("size").addEventListener("change", () => {
    page = 0;
    show();
  });

  // Prints all pages, with everything unfolded.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    const some = fitting.slice(0, PRINTED);
    unfolded = some.filter((order) => !order.open);
    for (const order of unfolded) order.open = true;
    draw(some);
    at("shown").textContent = words() + (some.length < fitting.length
      ? " Printed are the first " + number(some.length) + " of them."
      : "");
  });
  addEventListener("afterprint", () => {
    for (const order of unfolded) order.open = false;
    show();
  });

  at("controls").hidden = false;
  show();
})();
