// Version VERSION. The path of the address is the search, so that every one of them is a link.
"use strict";
const words = decodeURIComponent(location.pathname.slice(1)).replaceAll("/", " ").trim() || "tumour of the brain";
const main = document.getElementById("app");
fetch("/api/search?q=" + encodeURIComponent(words))
  .then((answer) => answer.json())
  .then((chapters) => {
    const list = document.createElement("ol");
    for (const chapter of chapters) {
      list.appendChild(document.createElement("li")).textContent = chapter.title;
    }
    main.replaceChildren(document.createElement("h1"), list);
    main.firstChild.textContent = words;
  });
