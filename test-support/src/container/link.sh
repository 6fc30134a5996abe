# Connects the network namespace of a process with this machine, and no further.
# Arguments: the device on this side, the process, the address of this side, those of the other.
device=$1 process=$2 host=$3
shift 3
ip link add name "$device" type veth peer name eth0 netns "$process"
ip address add "$host/32" dev "$device"
ip link set "$device" up
for address; do
    ip route add "$address/32" dev "$device" src "$host"
done
exec nsenter --net="/proc/$process/ns/net" sh -ec '
    host=$1
    shift
    ip link set lo up
    for address; do
        ip address add "$address/32" dev eth0
    done
    ip link set eth0 up
    ip route add "$host" dev eth0
    ip route add default via "$host"
' sh "$host" "$@"
