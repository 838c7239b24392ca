[ "$*" = "check --output-format=json --exit-zero --no-cache ." ] && [ -f bad.py ] || exit 2
one() {
    echo "{\"code\":\"$1\",\"message\":\"m\",\"filename\":\"$PWD/$2\",\"location\":{\"row\":$3,\"column\":1},\"end_location\":{\"row\":$3,\"column\":2}}"
}
echo "[$(one E711 bad.py 2),$(one F401 good.py 1)]"
