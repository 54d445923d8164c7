"""The other files of this folder are put into a copy of the package; see `test_model_once`."""

collect_ignore_glob = ["[!c]*.py"]
