"""The likelihood templates, one file each; `workbench.models.registry` lists them."""
