// Two comforts, no more: copy an identifier, and renew the page when the chain has moved. All works without them.
"use strict";

function addCopyButtons(root) {
  for (const id of root.querySelectorAll("[data-id]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.setAttribute("aria-label", "Copy " + id.title);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(id.title);
        button.textContent = "copied";
      } catch {
        button.textContent = id.title; // no clipboard on plain http: show it whole, selected
        getSelection().selectAllChildren(button);
        return;
      }
      setTimeout(() => { button.textContent = ""; }, 1500);
    });
    id.after(button);
  }
}

function sayAsOf(words, stale) {
  const line = document.querySelector(".asof");
  line.classList.toggle("stale", stale);
  line.firstElementChild.textContent = words;
}

function busy(main) {
  return !getSelection().isCollapsed || (document.activeElement !== document.body && main.contains(document.activeElement) && document.activeElement !== main);
}

async function renew() {
  const main = document.getElementById("main");
  if (document.hidden) return;
  const answer = await fetch("/api/head");
  if (!answer.ok) throw new Error("no head");
  const head = await answer.json();
  sayAsOf(head.as_of.words, head.as_of.stale);
  if (busy(main) || head.token === main.dataset.token) return;
  const page = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!page.ok) return;
  const next = new DOMParser().parseFromString(await page.text(), "text/html").getElementById("main");
  for (const open of main.querySelectorAll("details[open][id]")) next.querySelector("#" + open.id)?.setAttribute("open", "");
  addCopyButtons(next);
  main.replaceWith(next);
}

addCopyButtons(document);
if (document.querySelector("#main[data-token]")) setInterval(() => renew().catch(() => sayAsOf("Stale: this server does not answer. What you see is what it said last", true)), 4000);
