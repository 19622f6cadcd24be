#!/usr/bin/env bash
# python-flint 0.7 and 0.8: dividing a power series that is 0 by another one raises an AttributeError about `cap`
# instead of returning 0; 0.9 returns 0. Of interest to whoever sums series whose first terms cancel.
# Fails when this is no longer seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 0.7.0 0.8.0 0.9.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -q "python-flint==$version"
    "$folder/$version/bin/python" - <<'P' > "$folder/$version.txt"
from flint import acb_series, arb_series

for series in (arb_series, acb_series):
    assert str(series([1, 2], 3) / series([1, 2], 3)).startswith("1.000")  # a divisor that is fine
    try:
        print(series.__name__, series([0], 3) / series([1, 2], 3))
    except AttributeError as error:
        print(series.__name__, "AttributeError:", str(error).split("object ")[-1])
P
    echo "python-flint $version"
    cat "$folder/$version.txt"
done
for version in 0.7.0 0.8.0; do
    test "$(grep -c "AttributeError: has no attribute 'cap'" "$folder/$version.txt")" = 2
done
test "$(grep -c "_series 0 + O" "$folder/0.9.0.txt")" = 2
