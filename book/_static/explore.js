// Figures of trainwell.widgets.explore: the sliders flip through frames that were drawn when the book was built.
document.querySelectorAll("figure.tw-figure").forEach((figure) => {
  const data = figure.querySelector('script[type="application/json"]');
  if (!data) return;
  let read; // the frames are parsed when a slider first moves
  const view = figure.querySelector(".tw-view");
  const sliders = [...figure.querySelectorAll('input[type="range"]')];
  const flip = () => {
    let frame = 0;
    sliders.forEach((slider) => {
      const labels = JSON.parse(slider.dataset.labels);
      const label = labels[slider.value];
      frame = frame * labels.length + Number(slider.value);
      slider.setAttribute("aria-valuetext", label);
      slider.parentElement.querySelector("output").textContent = label;
    });
    const { pieces, frames } = (read ??= JSON.parse(data.textContent));
    view.innerHTML = frames[frame].map((piece) => pieces[piece]).join("");
  };
  sliders.forEach((slider) => slider.addEventListener("input", flip));
  figure.querySelector(".tw-controls").hidden = false;
  // Browsers put sliders back where they were when a page is reloaded.
  if (sliders.some((slider) => slider.value !== slider.defaultValue)) flip();
});

// A formula that is wider than the page scrolls; so that the keyboard can scroll it, it takes the focus.
const wide = new ResizeObserver((sizes) => {
  const formulas = sizes.map(({ target }) => target).filter((formula) => formula.scrollWidth > formula.clientWidth);
  formulas.forEach((formula) => (formula.tabIndex = 0));
});
document.querySelectorAll("div.math").forEach((formula) => wide.observe(formula));
