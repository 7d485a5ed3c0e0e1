# Sourced by ./test and ./demo in the root: makes the folder .venv (or FLIT_VENV) with everything pinned in it, and again
# when the dependencies changed. Sets $venv. On a bare Debian machine it installs Python first, as root or with sudo.
venv="${FLIT_VENV:-.venv}"

newest_python() {
    local name
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

install_python() {
    local as_root=()
    if ! command -v apt-get >/dev/null; then
        echo "Python 3.11 or newer with its venv module is needed" >&2
        return 1
    fi
    if ((EUID != 0)); then as_root=(sudo -n); fi
    "${as_root[@]}" apt-get update -q
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends \
        ca-certificates python3 python3-venv
}

make_environment() {
    local stamp="$venv/.installed" python
    if [[ -e "$stamp" && ! pyproject.toml -nt "$stamp" && ! constraints.txt -nt "$stamp" ]]; then
        return
    fi
    if [[ ! -x "$venv/bin/python" ]]; then
        if ! python="$(newest_python)"; then
            install_python >&2
            python="$(newest_python)"
        fi
        "$python" -m venv "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[test]' -c constraints.txt
    touch "$stamp"
}
