"""Python files that a user names, executed from their text as it is now.

Python takes bytecode that lies beside a file for the file's, if size and second of the last change are those of its
text: of two edits within a second the second would be passed over. Nothing is read from such bytecode here, and none is
written beside a user's files.
"""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType


class _FromText(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        """The text, compiled."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def module_of(path: Path, name: str) -> tuple[ModuleType, SourceFileLoader]:
    """The empty module of this name for a file, and the loader whose `exec_module` fills it."""
    loader = _FromText(name, str(path))
    spec = spec_from_file_location(name, path, loader=loader)
    assert spec is not None  # the loader is given, whatever the suffix
    return module_from_spec(spec), loader
