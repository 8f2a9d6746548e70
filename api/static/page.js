// Two comforts, no more: copy an identifier, and renew the page when the chain has moved. All works without them.
"use strict";

function addCopyButtons(root) {
  for (const id of root.querySelectorAll("[data-id]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.setAttribute("aria-label", "Copy " + id.title);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(id.title);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(id);
        button.textContent = "select";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    id.after(button);
  }
}

function busy(main) {
  return document.hidden || !getSelection().isCollapsed || (document.activeElement !== document.body && main.contains(document.activeElement) && document.activeElement !== main);
}

async function renew() {
  const main = document.getElementById("main");
  if (busy(main)) return;
  const head = await (await fetch("/api/head")).json();
  if (head.token === main.dataset.token) return;
  const page = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!page.ok) return;
  const next = new DOMParser().parseFromString(await page.text(), "text/html").getElementById("main");
  for (const open of main.querySelectorAll("details[open][id]")) next.querySelector("#" + open.id)?.setAttribute("open", "");
  addCopyButtons(next);
  main.replaceWith(next);
}

addCopyButtons(document);
if (document.querySelector("#main[data-token]")) setInterval(() => renew().catch(() => {}), 4000);
