"""What pyHanko and rfc3161-client say to an answer: ANSWER ANCHOR DIGEST, the last in hexadecimal."""

import asyncio
import sys

from asn1crypto import pem, tsp, x509
from cryptography.x509 import load_pem_x509_certificate
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext
from rfc3161_client import VerifierBuilder, decode_timestamp_response


def pyhanko(answer, anchor, digest):
    token = tsp.TimeStampResp.load(answer)["time_stamp_token"]["content"]
    root = x509.Certificate.load(pem.unarmor(anchor)[2])
    context = ValidationContext(trust_roots=[root], allow_fetching=False)
    status = asyncio.run(validate_tst_signed_data(token, context, lambda _: digest))
    return status["valid"] and status["intact"] and status["trust_problem_indic"] is None


def rfc3161_client(answer, anchor, digest):
    root = load_pem_x509_certificate(anchor)
    verifier = VerifierBuilder().add_root_certificate(root).build()
    return verifier.verify(decode_timestamp_response(answer), digest)


def say(check, answer, anchor, digest):
    try:
        return "holds" if check(answer, anchor, digest) else "refused"
    except Exception as error:
        return f"refused: {type(error).__name__}"


with open(sys.argv[1], "rb") as answer, open(sys.argv[2], "rb") as anchor:
    case = answer.read(), anchor.read(), bytes.fromhex(sys.argv[3])
for check in (pyhanko, rfc3161_client):
    print(check.__name__, say(check, *case))
