# Makes a virtual environment and installs chipsim into it; sourced by demo and test.
# usage: make_environment FOLDER REQUIREMENT
make_environment() {
  local folder="$1" requirement="$2" python stamp
  python="$(find_python)" || { echo "chipsim needs Python 3.11 or later on the PATH" >&2; return 1; }
  stamp="$(cat pyproject.toml scripts/environment.sh | cksum | tr -d ' ')-$("$python" --version | tr ' ' '-')"
  if [ -f "$folder/.stamp" ] && [ "$(cat "$folder/.stamp")" = "$stamp" ]; then return 0; fi
  echo "preparing $folder (once) ..." >&2
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check uv
  "$folder/bin/python" -m uv pip install --quiet --compile-bytecode --python "$folder/bin/python" --editable "$requirement"
  echo "$stamp" > "$folder/.stamp"
}

find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11 python; do
    if command -v "$name" > /dev/null && "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}
