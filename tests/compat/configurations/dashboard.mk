# From a home network's repository, found 2026-11: Powerwall-Dashboard without compose, started by make. Unlike compose,
# `docker run --env-file` keeps what stands behind a value.
.PHONY: pypowerwall
pypowerwall:
	sudo docker run -d \
		--name pypowerwall \
		--hostname pypowerwall \
		--restart=unless-stopped \
		--read-only \
		--memory=8g \
		--security-opt=no-new-privileges \
		--cap-drop=all \
		-e PW_AUTH_PATH=.auth \
		-v ${c_data}/pypowerwall/.auth:/app/.auth \
		--network=pypowerwall_backend --ip=172.28.0.2 \
		--env-file companions/pypowerwall.env \
		docker.io/jasonacox/pypowerwall:0.12.0t66
