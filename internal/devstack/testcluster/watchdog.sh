# Stops the shared test Postgres when nobody has used it for a while.
# Runs in the cluster's folder: $1 = process id of Postgres, $2 = seconds of idleness allowed.
# Each user of the cluster left a file users/<process id>; the file of a dead process does not count.
somebody() {
	found=1
	for f in users/*; do
		[ -e "$f" ] || continue
		if kill -0 "${f#users/}" 2>/dev/null; then found=0; else rm -f "$f"; fi
	done
	return $found
}
idle=0
while kill -0 "$1" 2>/dev/null; do
	sleep 5
	if somebody; then idle=0; else idle=$((idle + 5)); fi
	if [ "$idle" -ge "$2" ]; then
		# The state file goes first: who comes from here on waits for the end and starts a new server,
		# unless somebody came in between and is already at work.
		mv server.json stopping.json
		sleep 1
		if somebody; then
			mv stopping.json server.json
			idle=0
		else
			kill -INT "$1"
			exit 0
		fi
	fi
done
