// Bouncy Castle's word on evidence records: the anchor, then pairs of a record and its data.

import java.io.FileReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Date;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;

class Check {
    public static void main(String[] arguments) throws Exception {
        var bouncy = new BouncyCastleProvider();
        var anchor = (X509CertificateHolder) new PEMParser(new FileReader(arguments[0])).readObject();
        var digests = new JcaDigestCalculatorProviderBuilder().setProvider(bouncy).build();
        for (int at = 1; at < arguments.length; at += 2) {
            try {
                var record = new ERSEvidenceRecord(Files.readAllBytes(Path.of(arguments[at])), digests);
                var signer = record.getSigningCertificate();
                var issuer = new JcaContentVerifierProviderBuilder().setProvider(bouncy).build(anchor);
                if (!signer.isSignatureValid(issuer)) throw new Exception("not of the anchor");
                record.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider(bouncy).build(signer));
                record.validatePresent(new ERSByteData(Files.readAllBytes(Path.of(arguments[at + 1]))), new Date());
                System.out.println("holds");
            } catch (Exception error) {
                System.out.println("refused: " + error.getMessage());
            }
        }
    }
}
