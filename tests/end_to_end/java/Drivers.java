import java.util.*;
import org.apache.mesos.*;
import org.apache.mesos.Protos.*;

/**
 * Frameworks on the JVM by Mesos's own driver, and what they are told, a line each.
 *
 * <pre>
 * Drivers two MASTER                  two drivers at once, and then a third one
 * Drivers reconnect MASTER            one that ends when it has registered again
 * Drivers login MASTER NAME PASSWORD  one with a name and a password
 * Drivers explicit MASTER NAME PASSWORD
 *                                     the same, but it acknowledges updates by itself
 * </pre>
 */
public class Drivers implements Scheduler {
    private final String name;
    private final boolean endsWhenRegisteredAgain;
    private boolean launched;

    Drivers(String name, boolean endsWhenRegisteredAgain) {
        this.name = name;
        this.endsWhenRegisteredAgain = endsWhenRegisteredAgain;
    }

    public static void main(String[] arguments) throws Exception {
        String master = arguments[1];
        switch (arguments[0]) {
            case "two" -> {
                List<Thread> threads = new ArrayList<>();
                for (String name : List.of("one", "two")) {
                    threads.add(new Thread(() -> run(name, master, null)));
                }
                threads.forEach(Thread::start);
                for (Thread thread : threads) {
                    thread.join();
                }
                run("three", master, null);
            }
            case "reconnect" -> run("again", master, null);
            default -> run(arguments[0], master, Credential.newBuilder()
                    .setPrincipal(arguments[2]).setSecret(arguments[3]).build());
        }
    }

    private static void run(String name, String master, Credential credential) {
        FrameworkInfo framework =
                FrameworkInfo.newBuilder().setUser("").setName(name).setFailoverTimeout(60).build();
        Scheduler scheduler = new Drivers(name, name.equals("again"));
        MesosSchedulerDriver driver;
        if (credential == null) {
            driver = new MesosSchedulerDriver(scheduler, framework, master);
        } else if (name.equals("explicit")) {
            driver = new MesosSchedulerDriver(scheduler, framework, master, false, credential);
        } else {
            driver = new MesosSchedulerDriver(scheduler, framework, master, credential);
        }
        say(name, "ended as " + driver.run());
    }

    private static synchronized void say(String name, String line) {
        System.out.println(name + ": " + line);
    }

    private void say(String line) {
        say(name, line);
    }

    @Override
    public void registered(SchedulerDriver driver, FrameworkID id, MasterInfo master) {
        say("registered");
    }

    @Override
    public void reregistered(SchedulerDriver driver, MasterInfo master) {
        say("registered again");
        if (endsWhenRegisteredAgain) {
            driver.stop();
        }
    }

    @Override
    public void disconnected(SchedulerDriver driver) {
        say("disconnected");
    }

    @Override
    public void resourceOffers(SchedulerDriver driver, List<Offer> offers) {
        for (Offer offer : offers) {
            if (launched || endsWhenRegisteredAgain) {
                driver.declineOffer(offer.getId());
                continue;
            }
            launched = true;
            TaskInfo task = TaskInfo.newBuilder().setName("task")
                    .setTaskId(TaskID.newBuilder().setValue("task-of-" + name))
                    .setSlaveId(offer.getSlaveId())
                    .setCommand(CommandInfo.newBuilder().setValue("exit 0"))
                    .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 32))
                    .build();
            driver.launchTasks(List.of(offer.getId()), List.of(task));
        }
    }

    private static Resource scalar(String name, double value) {
        return Resource.newBuilder().setName(name).setType(Value.Type.SCALAR)
                .setScalar(Value.Scalar.newBuilder().setValue(value)).build();
    }

    @Override
    public void statusUpdate(SchedulerDriver driver, TaskStatus status) {
        say(status.getTaskId().getValue() + " " + status.getState());
        if (name.equals("explicit")) {
            // The next one comes after that.
            driver.acknowledgeStatusUpdate(status);
        }
        if (status.getState() == TaskState.TASK_FINISHED) {
            driver.stop();
        }
    }

    @Override
    public void error(SchedulerDriver driver, String message) {
        say("error: " + message);
    }

    @Override
    public void offerRescinded(SchedulerDriver driver, OfferID offer) {}

    @Override
    public void frameworkMessage(SchedulerDriver driver, ExecutorID executor, SlaveID agent, byte[] data) {}

    @Override
    public void slaveLost(SchedulerDriver driver, SlaveID agent) {}

    @Override
    public void executorLost(SchedulerDriver driver, ExecutorID executor, SlaveID agent, int status) {}
}
