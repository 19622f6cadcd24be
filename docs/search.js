"use strict";
/* Search in a site that is opened as files: a browser gives pages of file:// no worker and no request, so the index comes
   as a script, written by the build beside the theme's own. */
if (location.protocol === "file:") {
  const script = document.createElement("script");
  script.src = `${base_url}/search/offline_index.js`;
  document.head.append(script);
  document.addEventListener("DOMContentLoaded", () => {
    const field = document.getElementById("mkdocs-search-query"), shown = document.getElementById("mkdocs-search-results");
    if (!field || !shown) return;
    const find = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
      const score = (page) => words.every((word) => page.all.includes(word)) ? words.filter((word) => page.title.toLowerCase().includes(word)).length + 1 : 0;
      const found = words.length ? window.offlineIndex.map((page) => [score(page), page]).filter(([points]) => points) : [];
      found.sort((one, other) => other[0] - one[0]);
      shown.replaceChildren(...found.slice(0, 30).map(([, page]) => {
        const at = page.all.indexOf(words[0]), part = document.createElement("article"), link = document.createElement("a"), text = document.createElement("p");
        link.href = `${base_url}/${page.location}`;
        link.textContent = page.title;
        text.textContent = page.text.slice(Math.max(0, at - 60), at + 140);
        const head = document.createElement("h3");
        head.append(link);
        part.append(head, text);
        return part;
      }));
      if (!found.length) shown.textContent = words.length ? "Nothing found." : "";
    };
    for (const event of ["input", "keyup"]) field.addEventListener(event, (one) => { one.stopImmediatePropagation(); find(); }, true);
  });
}
