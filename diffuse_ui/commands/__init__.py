"""The commands of `diffuse-ui`, thin over `kernels`; `diffuse_ui.cli` puts them together."""
