"use strict";
(() => {
  const list = document.getElementById("claims");
  const claims = [...list.querySelectorAll(".claim")];
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const buttons = [...document.querySelectorAll("[data-sort]")];
  const nameOf = (one) => one.querySelector(".name b").textContent;
  let texts = null;
  for (const part of document.querySelectorAll(".tools")) part.hidden = false;

  const offer = (part) => {
    for (const code of part.querySelectorAll(".command")) {
      if (code.nextElementSibling?.className === "copy") continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      code.after(button);
    }
  };
  for (const part of document.querySelectorAll("section")) if (!part.contains(list)) offer(part);
  list.addEventListener("toggle", (event) => offer(event.target), true);

  const apply = () => {
    texts ??= claims.map((one) => one.textContent.toLowerCase());
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    claims.forEach((one, place) => {
      const found = words.every((word) => texts[place].includes(word));
      one.hidden = !found;
      count += found;
    });
    shown.textContent = words.length ? `${count} of ${claims.length}` : "";
  };
  filter.addEventListener("input", apply);

  const sort = (button) => {
    const key = button.dataset.sort;
    const again = button.getAttribute("aria-pressed") === "true" && "up" in button.dataset;
    const sign = again ? -1 : 1;
    const value = key === "name" ? nameOf : (one) => Number(one.dataset[key]);
    const pairs = claims.map((one) => [value(one), one]);
    const compare = key === "name" ? new Intl.Collator("en", { numeric: true }).compare
      : (a, b) => a - b;
    pairs.sort((a, b) => sign * compare(a[0], b[0]) || a[1].dataset.n - b[1].dataset.n);
    list.append(...pairs.map((pair) => pair[1]));
    for (const other of buttons) {
      other.setAttribute("aria-pressed", other === button);
      delete other.dataset.up;
      delete other.dataset.down;
    }
    button.dataset[again ? "down" : "up"] = "";
    button.setAttribute("aria-label", `${button.textContent}, ${again ? "descending" : "ascending"}`);
  };
  for (const button of buttons) button.addEventListener("click", () => sort(button));
  buttons[0].dataset.up = "";

  const byHand = (code) => {
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const code = button.previousElementSibling;
    let done = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      done = byHand(code);
    }
    button.textContent = done ? "Copied" : "Selected: press Ctrl-C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
})();
