// The latent map: the image of the point under the pointer, or of the one that the arrow keys walk to.
"use strict";
for (const map of document.querySelectorAll(".map")) {
  const drawing = map.querySelector(".points");
  const cursor = map.querySelector(".cursor");
  const words = map.querySelector(".words");
  const picture = map.querySelector(".picture");
  const points = [...drawing.querySelectorAll(".p")].map((mark) => ({ mark, x: Number(mark.getAttribute("x")), y: Number(mark.getAttribute("y")) }));
  const width = Number(map.dataset.width), height = Number(map.dataset.height), columns = Number(map.dataset.columns);
  let at = -1;
  let sheet = null;

  function show(chosen) {
    if (chosen < 0 || chosen === at) return;
    at = chosen;
    const point = points[at];
    cursor.setAttribute("cx", point.x);
    cursor.setAttribute("cy", point.y);
    words.textContent = point.mark.dataset.words;
    if (!map.dataset.sprite) return;
    if (!sheet) {  // read only once somebody wants to see a picture
      sheet = document.createElementNS("http://www.w3.org/2000/svg", "image");
      sheet.setAttribute("href", map.dataset.sprite);
      sheet.setAttribute("width", columns * width);
      sheet.setAttribute("height", Math.ceil(points.length / columns) * height);
      picture.append(sheet);
    }
    const tile = Number(point.mark.dataset.i);
    picture.setAttribute("viewBox", [(tile % columns) * width, Math.floor(tile / columns) * height, width, height].join(" "));
    picture.setAttribute("aria-label", point.mark.dataset.words);
  }

  // The nearest point within 45 degrees of the way an arrow shows.
  function beside(dx, dy) {
    let best = -1, least = Infinity;
    points.forEach((point, i) => {
      const x = point.x - points[at].x, y = point.y - points[at].y;
      const along = x * dx + y * dy, across = Math.abs(x * dy - y * dx);
      if (i === at || along <= 0 || across > along) return;
      const far = along + 2 * across;
      if (far < least) { least = far; best = i; }
    });
    return best;
  }

  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const scale = drawing.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = -1, least = 20 * 20;
    points.forEach((point, i) => {
      const far = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (far < least) { least = far; best = i; }
    });
    show(best);
  });
  // What is drawn last lies on top: that is where the worst begin.
  drawing.setAttribute("tabindex", "0");
  drawing.setAttribute("role", "application");
  drawing.setAttribute("aria-label", drawing.getAttribute("aria-label") + ". Arrow keys walk from point to point, Page Down to the next one that is wrong.");
  drawing.addEventListener("focus", () => { if (at < 0) show(points.length - 1); });
  drawing.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in ways) {
      event.preventDefault();
      show(beside(...ways[event.key]));
    } else if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      const step = event.key === "PageDown" ? points.length - 1 : 1;
      for (let i = (at + step) % points.length; i !== at; i = (i + step) % points.length)
        if (points[i].mark.matches(".flip, .error")) { show(i); break; }
    }
  });
}
