// Hands the content of a packet, bytes in base 64, to the page that opened it in a hidden frame.
//
// A page opened from the file system may fetch nothing, and the text of every script that it loads stays in memory for
// good. A frame is forgotten with all that it held.
(() => {
  const element = document.getElementById("packet");
  const parts = element.textContent.trim().split("|");
  element.textContent = "";
  const bytes = (text) =>
    Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const buffers = parts.map((part) => bytes(part).buffer);
  parent.postMessage(buffers, "*", buffers);
})();
