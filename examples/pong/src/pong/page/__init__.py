"""The files of the page; the build adds three.js, the guests, and their hosts in JavaScript."""
