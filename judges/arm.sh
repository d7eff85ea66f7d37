#!/bin/sh
# Unpacks an emulator of 64-bit ARM, Debian's Python for it, and LiteRT's wheel into .venv-arm, with a bin/python that
# runs on the processor that ARM_CPU names, and compiles what the app's library needs. Nothing is installed, so it needs
# no root. The last line says what is wrong.
set -eu

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || { echo "the emulator is fetched for Linux on x86-64 only"; exit 1; }
if ! grep -q '^ID=debian$' /etc/os-release || ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "needs Debian, whose arm64 packages it unpacks"
    exit 1
fi

place=$(pwd)/.venv-arm
work=$place/work
rm -rf "$place"
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/wheels" "$place/bin" "$place/system"
: > "$work/state/status"
cat > "$work/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; "amd64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
END

fetch() {
    APT_CONFIG="$work/apt.conf" apt-get install -y -qq --no-install-recommends --download-only \
        python3-minimal libpython3-stdlib libstdc++6 tcc "$1:amd64"
}

APT_CONFIG="$work/apt.conf" apt-get update -qq
# Debian 13 has renamed it.
fetch qemu-user-static || fetch qemu-user
for package in "$work"/cache/archives/*.deb; do
    case "$package" in
        *_amd64.deb) dpkg-deb -x "$package" "$work/emulator" ;;
        *) dpkg-deb -x "$package" "$place/system" ;;
    esac
done
emulator=$(find "$work/emulator/usr/bin" -name 'qemu-aarch64*' ! -name '*_be*' -type f | head -n 1)
mv "$emulator" "$place/bin/qemu-aarch64"
[ -e "$place/system/lib" ] || ln -s usr/lib "$place/system/lib"

# What an ARM processor says of itself, where XNNPACK reads which instructions it has.
describe() {
    features="fp asimd evtstrm aes pmull sha1 sha2 crc32$4"
    mkdir -p "$place/$1/proc"
    for folder in bin etc lib usr; do
        [ ! -e "$place/system/$folder" ] || ln -s "../system/$folder" "$place/$1/$folder"
    done
    for number in 0 1; do
        printf 'processor\t: %s\nBogoMIPS\t: 38.40\nFeatures\t: %s\nCPU implementer\t: 0x41\n' "$number" "$features"
        printf 'CPU architecture: 8\nCPU variant\t: %s\nCPU part\t: %s\nCPU revision\t: 1\n\n' "$2" "$3"
    done > "$place/$1/proc/cpuinfo"
}
describe cortex-a53 0x0 0xd03 ""
describe cortex-a76 0x3 0xd0b " atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"

python=$(basename "$(readlink "$place/system/usr/bin/python3")")
libraries=$place/lib/$python/site-packages
.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version "${python#python}" --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux2014_aarch64 -d "$work/wheels" -r requirements-arm.txt
for wheel in "$work"/wheels/*.whl; do
    .venv/bin/python -m zipfile -e "$wheel" "$libraries"
done
rm -rf "$work"

"$place/bin/qemu-aarch64" -L "$place/system" "$place/system/usr/bin/tcc" -Wall -Werror -shared -nostdlib \
    -B "$place/system/usr/lib/aarch64-linux-gnu/tcc" -o "$place/bionic.so" judges/bionic.c

cat > "$place/bin/python" <<'END'
#!/bin/sh
# Python on an emulated ARM processor, without this computer's environment, which is meant for another one.
here=$(cd "$(dirname "$0")/.." && pwd)
exec env -i "$here/bin/qemu-aarch64" -cpu "${ARM_CPU:=cortex-a76}" -L "$here/$ARM_CPU" \
    -E PYTHONHOME="$here/system/usr" -E PYTHONPATH="$(echo "$here"/lib/python3*/site-packages)" \
    "$here/system/usr/bin/python3" "$@"
END
chmod +x "$place/bin/python"
for processor in cortex-a53 cortex-a76; do
    ARM_CPU=$processor "$place/bin/python" -c 'from ai_edge_litert import interpreter'
done
