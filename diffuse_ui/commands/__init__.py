"""Commands of `diffuse-ui`, a thin layer over `kernels`; `diffuse_ui.cli` joins them."""
