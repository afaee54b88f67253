"use strict";
(() => {
  const STEP = 10;
  const form = document.getElementById("filter");
  const output = form.querySelector("output");
  const lists = [...document.querySelectorAll(".list")].map((list) => ({
    rows: [...list.querySelectorAll("li")],
    more: list.querySelector(".more"),
    nothing: list.querySelector(".nothing"),
    shown: STEP,
  }));
  const chosen = (name) => (form.elements[name] ? form.elements[name].value : "");

  function showRows(list, topic, tone) {
    const fits = list.rows.filter((row) =>
      (!topic || row.dataset.topics.split(" ").includes(topic)) && (!tone || row.dataset.tone === tone));
    const visible = new Set(fits.slice(0, list.shown));
    list.rows.forEach((row) => { row.hidden = !visible.has(row); });
    list.more.hidden = fits.length <= list.shown;
    list.nothing.hidden = fits.length > 0;
    return fits;
  }

  function apply() {
    const topic = chosen("topic"), tone = chosen("tone");
    const fits = new Set(lists.flatMap((list) => showRows(list, topic, tone).map((row) => row.dataset.row)));
    output.value = fits.size === 1 ? "1 paragraph fits" : `${fits.size} paragraphs fit`;
    document.querySelectorAll("[data-key]").forEach((part) => {
      const key = part.dataset.key, wanted = key.startsWith("s") ? tone : topic;
      part.hidden = wanted !== "" && key !== wanted;
    });
    document.querySelectorAll("[data-series]").forEach((part) => {
      part.classList.toggle("chosen", part.dataset.series === topic);
    });
  }

  function begin() {
    lists.forEach((list) => { list.shown = STEP; });
    apply();
  }

  form.addEventListener("change", begin);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(begin));
  lists.forEach((list) => list.more.addEventListener("click", () => {
    const first = list.rows.filter((row) => !row.hidden).length;
    list.shown += STEP;
    apply();
    const next = list.rows.filter((row) => !row.hidden)[first];
    next.tabIndex = -1;
    next.focus();
  }));
  form.hidden = false;
  begin();
})();
