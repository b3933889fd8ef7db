//! `vedette join`: from a token to an agent.

use agents::{JoinError, Token};

use crate::{
    arguments::Join,
    exit::{self, Answer, Failure},
};

pub(crate) async fn run(arguments: Join) -> Result<Answer, Failure> {
    let token = Token::read(&arguments.token).map_err(Failure::call)?;
    let joined = agents::join(&token, &arguments.data).await.map_err(|error| match error {
        JoinError::Expired(_) | JoinError::Occupied(_) => Failure::call(error),
        JoinError::Refused(_) | JoinError::NoAccount(_) | JoinError::Proof(_) => {
            Failure::work(error)
        }
        other => Failure::work(other).hint("the same command again goes on where this stopped"),
    })?;
    let file = joined.file.display();
    exit::result(&if arguments.json {
        serde_json::json!({ "jid": joined.jid, "file": joined.file, "known": joined.is_known })
            .to_string()
    } else if joined.is_known {
        format!("`{}` joined before\n  run it with: vedette agent run {file}", joined.jid)
    } else {
        format!("`{}` joined\n  run it with: vedette agent run {file}", joined.jid)
    });
    Ok(Answer::Yes)
}
