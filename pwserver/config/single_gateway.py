"""Read the one gateway of ``PW_HOST`` and its siblings, or of the login files when no host is given."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pwserver.config import login_files
from pwserver.config.gateway_definition import GatewayDefinition
from pwserver.config.gateway_entries import PLACES, SETTING_OF_MEMBER, Findings, check_combination
from pwserver.config.gateway_settings import DefinitionSettings
from pwserver.config.login_files import CLOUD_FILE, FLEETAPI_FILE
from pwserver.config.raw_text import BadValue, quoted
from pwserver.config.word_rules import email_address


def single_gateway(settings: DefinitionSettings, findings: Findings) -> GatewayDefinition | None:
    """Return the gateway ``default``; None, and no problem, when nothing is configured at all."""
    given = {member: getattr(settings, member) for member in SETTING_OF_MEMBER}
    email = settings.email
    folder = settings.authpath or "."
    fleetapi = cloud_mode = False
    if not any(given[member] for member in PLACES):
        if login_files.is_there(os.path.join(folder, FLEETAPI_FILE)):
            fleetapi = cloud_mode = True
        else:
            there = login_files.is_there(os.path.join(folder, CLOUD_FILE))
            email = email or (_email_of(os.path.join(folder, CLOUD_FILE), findings) if there else None)
            # A login that cannot be read stays a configured gateway: it says what is wrong, and works once it can be.
            if email is None and not there:
                for member in ("gw_pwd", "password", "rsa_key_path"):
                    if given[member]:
                        name = SETTING_OF_MEMBER[member]
                        findings.warnings.append(f"{name} is set, but there is no PW_HOST to use it with")
                return None
            cloud_mode = True
            if not there:
                findings.warnings.append(
                    f"PW_EMAIL without PW_HOST means Tesla's cloud, but there is no {CLOUD_FILE} in "
                    f"{quoted(os.path.abspath(folder))}; run `pwserver --setup` first"
                )
    gateway = GatewayDefinition(
        id="default",
        name="Default Gateway",
        **{**given, "email": email},
        cloud_mode=cloud_mode,
        fleetapi=fleetapi,
    )
    before = len(findings.problems)
    if email is not None or not cloud_mode or fleetapi:
        _check(gateway, findings)
    return None if len(findings.problems) > before else gateway


def _check(gateway: GatewayDefinition, findings: Findings) -> None:
    """Check the gateway as an entry is checked, but in the words of the variables."""
    entry = Findings()
    alone = next((member for member in PLACES if member != "host" and getattr(gateway, member)), None)
    check_combination(gateway, SETTING_OF_MEMBER[alone or "host"], entry)
    names = {member: name for member, name in SETTING_OF_MEMBER.items() if alone or member != "host"}
    if entry.problems:
        if alone:
            findings.problems += [_in_words_of(names, problem) for problem in entry.problems]
        elif gateway.rsa_key_path:
            findings.problems.append("PW_RSA_KEY_PATH: also needs PW_GW_PWD or PW_PASSWORD")
        else:
            findings.problems.append(
                f"PW_HOST: {quoted(gateway.host)} alone is not enough; give PW_GW_PWD (TEDAPI), "
                "PW_PASSWORD (local API), or both PW_RSA_KEY_PATH and one of them (TEDAPI v1r)"
            )
    findings.warnings += [_in_words_of(names, warning) for warning in entry.warnings]


def _in_words_of(names: Mapping[str, str], text: str) -> str:
    return " ".join(names.get(word, word) for word in text.split(" "))


def _email_of(path: str, findings: Findings) -> str | None:
    """Return the first account of pypowerwall's login file; None, with a warning, when it cannot be read."""
    try:
        account = login_files.first_account(login_files.read_login(path))
        if account is not None:
            return email_address(account)
        reason = "it names no account; write it anew: pwserver --setup"
    except (login_files.LoginFileProblem, BadValue) as problem:
        reason = str(problem)
    findings.warnings.append(f"the Tesla login {quoted(path)} cannot be used: {reason}")
    return None
