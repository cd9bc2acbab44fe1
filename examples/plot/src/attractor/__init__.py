"""The attractor of Lorenz, drawn by a WebAssembly guest."""
